import { expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { StoredTrade } from '../../src/domain/trade-chunk.ts'
import { Recorder } from '../../src/live/recorder.ts'
import { MINUTE, SECOND, START } from './session.ts'

function trade(seq: number, exchangeTime: number): StoredTrade {
  const [price, size] = [decimal('100'), decimal('1')]
  return { id: String(seq), price, size, side: 'buy', exchangeTime, receivedTime: exchangeTime, seq }
}

function candle(openTime: number) {
  const price = decimal('1')
  const values = { open: price, high: price, low: price, close: price, volume: price, quoteVolume: null }
  const closed = { openTime, ...values, tradeCount: null, closed: true }
  return { instrumentId: 1, interval: '1m', candle: closed } as const
}

it('gives the trades of a minute once it is over, and says what was listened to', () => {
  const recorder = new Recorder('e', () => Number.POSITIVE_INFINITY)
  recorder.addTrade(1, trade(1, START + 10 * SECOND))
  recorder.addTrade(1, trade(2, START + 50 * SECOND))
  recorder.addTrade(2, trade(1, START + 55 * SECOND))
  expect(recorder.takeDue(START + MINUTE + 10 * SECOND)).toEqual({ candles: [], chunks: [], heard: [] })
  recorder.stored()
  recorder.addTrade(1, trade(3, START + MINUTE + 5 * SECOND))
  const { chunks, heard } = recorder.takeDue(START + MINUTE + 20 * SECOND)
  expect(chunks).toMatchObject([
    { instrumentId: 1, minute: START, part: 0, epoch: 'e', trades: [{ seq: 1 }, { seq: 2 }] },
    { instrumentId: 2, minute: START, part: 1, trades: [{ seq: 1 }] },
  ])
  expect(heard).toEqual([
    { instrumentId: 1, from: START + 10 * SECOND, to: START + MINUTE },
    { instrumentId: 2, from: START + 55 * SECOND, to: START + MINUTE },
  ])
})

it('opens a new part for what comes late, and for what is too much', () => {
  const recorder = new Recorder('e', () => Number.POSITIVE_INFINITY)
  for (let seq = 1; seq <= 2_001; seq++) recorder.addTrade(1, trade(seq, START + seq))
  recorder.addTrade(1, trade(2_002, START + MINUTE))
  recorder.addTrade(1, trade(2_003, START + 5))
  const { chunks } = recorder.takeDue(START + 3 * MINUTE)
  expect(chunks.map(({ minute, part, trades }) => [minute - START, part, trades.length])).toEqual([
    ...[[0, 0, 2_000] as const, [0, 1, 1] as const, [MINUTE, 2, 1] as const, [0, 3, 1] as const],
  ])
})

it('never takes a part twice, however late a trade comes', () => {
  const recorder = new Recorder('e', () => Number.POSITIVE_INFINITY)
  const parts = new Set<number>()
  for (let minute = 0; minute < 20_002; minute++) recorder.addTrade(1, trade(minute, START + minute * MINUTE))
  recorder.addTrade(1, trade(20_002, START))
  for (const { part } of recorder.takeDue(START + 20_003 * MINUTE).chunks) parts.add(part)
  expect(parts.size).toBe(20_003)
})

it('knows the newest trade that is stored', () => {
  const recorder = new Recorder('e', () => Number.POSITIVE_INFINITY)
  for (let seq = 1; seq <= 60; seq++) recorder.addTrade(1, trade(seq, START + seq))
  recorder.takeDue(START + 2 * MINUTE)
  expect(recorder.storedMark(1)).toBe(null)
  recorder.putBack()
  expect(recorder.storedMark(1)).toBe(null)
  recorder.takeDue(START + 2 * MINUTE)
  recorder.stored()
  const mark = recorder.storedMark(1)
  expect(mark).toMatchObject({ id: '60', exchangeTime: START + 60 })
  expect([mark?.recentIds.length, mark?.recentIds[0], mark?.recentIds.at(-1)]).toEqual([50, '11', '60'])
  recorder.addTrade(1, trade(61, START + 5))
  recorder.takeDue(START + 2 * MINUTE)
  recorder.stored()
  expect(recorder.storedMark(1)).toEqual(mark)
})

it('lets candles wait for each other, and gives all when asked', () => {
  const recorder = new Recorder('e', () => Number.POSITIVE_INFINITY)
  recorder.addCandle(candle(START), START)
  expect(recorder.takeDue(START + 4 * SECOND).candles).toEqual([])
  recorder.addCandle(candle(START + MINUTE), START + 4 * SECOND)
  expect(recorder.takeDue(START + 5 * SECOND).candles).toHaveLength(2)
  recorder.stored()
  recorder.addCandle(candle(START), START + 6 * SECOND)
  recorder.addTrade(1, trade(1, START))
  expect(recorder.takeDue(START + 6 * SECOND, true)).toMatchObject({ candles: [{}], chunks: [{}], heard: [{}] })
})

it('says what is not stored for certain: what waits, and what is being written', () => {
  const recorder = new Recorder('e', () => Number.POSITIVE_INFINITY)
  recorder.addTrade(1, trade(1, START))
  recorder.addGap(1, { from: START + 1, to: START + 5, reason: 'trades_missing' })
  const now = START + 2 * MINUTE
  const { chunks } = recorder.takeDue(now)
  expect(chunks).toHaveLength(1)
  recorder.addTrade(1, trade(2, START + MINUTE))
  const waiting = recorder.waiting(1, now)
  expect(waiting).toMatchObject({ trades: [{ seq: 1 }, { seq: 2 }], gaps: [{ to: START + 5 }] })
  expect(waiting.heard).toEqual({ from: START, to: now })
  recorder.stored()
  expect(recorder.waiting(1, now).trades).toMatchObject([{ seq: 2 }])
  expect(recorder.waiting(7, now)).toEqual({ trades: [], gaps: [], heard: null })
})

it('keeps what the database did not take, in order; of too much the oldest becomes a gap', () => {
  const recorder = new Recorder('e', () => Number.POSITIVE_INFINITY)
  for (let minute = 0; minute < 2_010; minute++) recorder.addTrade(1, trade(minute, START + minute * MINUTE))
  const now = START + 3_000 * MINUTE
  recorder.takeDue(now)
  recorder.putBack()
  recorder.addTrade(1, trade(9_999, START + 2_999 * MINUTE))
  const { chunks, heard } = recorder.takeDue(now + MINUTE)
  expect(chunks).toHaveLength(2_002)
  const [bare, ...others] = chunks
  expect(bare).toMatchObject({ trades: [], gaps: [{ from: START, to: START + 10 * MINUTE, reason: 'not_stored' }] })
  expect(others.filter(({ trades }) => trades.length === 0)).toEqual([])
  expect(chunks.at(-1)?.trades).toMatchObject([{ seq: 9_999 }])
  expect(heard[0]).toEqual({ instrumentId: 1, from: START, to: now - MINUTE })
})

it('lets an outage of the database grow neither what was heard nor what was lost', () => {
  const recorder = new Recorder('e', () => Number.POSITIVE_INFINITY)
  for (let minute = 0; minute < 1_500; minute++) {
    for (const instrument of [1, 2]) recorder.addTrade(instrument, trade(minute, START + minute * MINUTE))
    recorder.takeDue(START + (minute + 1) * MINUTE + 15 * SECOND)
    recorder.putBack()
  }
  const end = START + 1_500 * MINUTE
  const { chunks, heard } = recorder.takeDue(end + 15 * SECOND)
  expect(heard).toEqual([1, 2].map((instrumentId) => ({ instrumentId, from: START, to: end })))
  expect(chunks.flatMap(({ gaps }) => gaps)).toEqual([
    { from: START, to: START + 500 * MINUTE, reason: 'not_stored' },
    { from: START, to: START + 500 * MINUTE, reason: 'not_stored' },
  ])
  expect(chunks).toHaveLength(2_002)
})

it('claims to have heard no more than what is known: what is waited for may be missing', () => {
  let knownTo = START + 90 * SECOND
  const recorder = new Recorder('e', () => knownTo)
  recorder.addTrade(1, trade(1, START))
  const now = START + 5 * MINUTE
  expect(recorder.waiting(1, now).heard).toEqual({ from: START, to: knownTo })
  expect(recorder.takeDue(now).heard).toEqual([{ instrumentId: 1, from: START, to: START + 90 * SECOND }])
  recorder.stored()
  expect(recorder.takeDue(now).heard).toEqual([])
  recorder.stored()
  knownTo = Number.POSITIVE_INFINITY
  expect(recorder.takeDue(now).heard).toEqual([{ instrumentId: 1, from: START + 90 * SECOND, to: START + 4 * MINUTE }])
})

it('ends with the stream: what was listened to ends there', () => {
  const recorder = new Recorder('e', () => Number.POSITIVE_INFINITY)
  recorder.addTrade(1, trade(1, START))
  recorder.endTrades(1, START + 30 * SECOND)
  expect(recorder.takeDue(START + 31 * SECOND)).toMatchObject({
    chunks: [{ trades: [{ seq: 1 }] }],
    heard: [{ instrumentId: 1, from: START, to: START + 30 * SECOND }],
  })
})
