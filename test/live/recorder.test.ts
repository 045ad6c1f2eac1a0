import { expect, it, vi } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { StoredTrade } from '../../src/domain/trade-chunk.ts'
import { Recorder } from '../../src/live/recorder.ts'
import { HOUR, MINUTE, SECOND, START } from './session.ts'

function trade(seq: number, exchangeTime: number): StoredTrade {
  const [price, size] = [decimal('100'), decimal('1')]
  return { id: String(seq), price, size, side: 'buy', exchangeTime, receivedTime: exchangeTime, seq }
}

function createRecorder(knownTo = (_id: number) => Number.POSITIVE_INFINITY, onGivenUp = () => {}): Recorder {
  return new Recorder('e', knownTo, onGivenUp)
}

function candle(openTime: number) {
  const price = decimal('1')
  const values = { open: price, high: price, low: price, close: price, volume: price, quoteVolume: null }
  const closed = { openTime, ...values, tradeCount: null, closed: true }
  return { instrumentId: 1, interval: '1m', candle: closed } as const
}

it('gives the trades of a minute once it is over, and says what was listened to', () => {
  const recorder = createRecorder()
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
  const recorder = createRecorder()
  for (let seq = 1; seq <= 2_001; seq++) recorder.addTrade(1, trade(seq, START + seq))
  recorder.addTrade(1, trade(2_002, START + MINUTE))
  recorder.addTrade(1, trade(2_003, START + 5))
  const { chunks } = recorder.takeDue(START + 3 * MINUTE)
  expect(chunks.map(({ minute, part, trades }) => [minute - START, part, trades.length])).toEqual([
    ...[[0, 0, 2_000] as const, [0, 1, 1] as const, [MINUTE, 2, 1] as const, [0, 3, 1] as const],
  ])
})

it('never takes a part twice, however late a trade comes', () => {
  const recorder = createRecorder()
  const parts = new Set<number>()
  for (let minute = 0; minute < 20_002; minute++) recorder.addTrade(1, trade(minute, START + minute * MINUTE))
  recorder.addTrade(1, trade(20_002, START))
  for (const { part } of recorder.takeDue(START + 20_003 * MINUTE).chunks) parts.add(part)
  expect(parts.size).toBe(20_003)
})

it('knows the newest trade that is stored', () => {
  const recorder = createRecorder()
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
  const recorder = createRecorder()
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
  const recorder = createRecorder()
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

/** So many trades of an instrument as make a chunk, in a minute of its own. */
const FULL = 2_000

function addMinute(recorder: Recorder, minute: number, id = 1): void {
  for (let n = 0; n < FULL; n++) recorder.addTrade(id, trade(minute * FULL + n, START + minute * MINUTE + n))
}

it('keeps what the database did not take, in order; of too much the oldest becomes a gap', () => {
  const givenUp = vi.fn()
  const recorder = createRecorder(undefined, givenUp)
  for (let minute = 0; minute < 40; minute++) addMinute(recorder, minute)
  const now = START + 100 * MINUTE
  recorder.takeDue(now)
  recorder.putBack()
  expect(givenUp).not.toHaveBeenCalled()
  for (let minute = 40; minute < 70; minute++) addMinute(recorder, minute)
  recorder.putBack()
  expect(givenUp).toHaveBeenCalledOnce()
  const { chunks, heard } = recorder.takeDue(now)
  const [bare, ...others] = chunks
  const kept = others.length
  expect(kept).toBeGreaterThan(50)
  expect(kept).toBeLessThan(60)
  const lost = { from: START, to: START + (70 - kept) * MINUTE, reason: 'not_stored' }
  expect(bare).toMatchObject({ trades: [], gaps: [lost] })
  expect(others.flatMap(({ trades }) => trades.map(({ seq }) => seq))).toEqual(
    Array.from({ length: kept * FULL }, (_, n) => (70 - kept) * FULL + n),
  )
  expect(heard[0]).toMatchObject({ instrumentId: 1, from: START })
  recorder.stored()
  for (let minute = 70; minute < 140; minute++) addMinute(recorder, minute)
  expect(givenUp).toHaveBeenCalledTimes(2)
})

it('keeps no more while a write does not end, and gives up nothing of what is being written', () => {
  const givenUp = vi.fn()
  const recorder = createRecorder(undefined, givenUp)
  for (let minute = 0; minute < 10; minute++) addMinute(recorder, minute)
  const written = recorder.takeDue(START + 11 * MINUTE).chunks
  expect(written).toHaveLength(10)
  for (let minute = 10; minute < 150; minute++) addMinute(recorder, minute)
  expect(givenUp).toHaveBeenCalledOnce()
  const { trades, gaps } = recorder.waiting(1, START + 150 * MINUTE)
  expect(trades.length).toBeLessThan(60 * FULL)
  expect(trades.slice(0, 10 * FULL)).toEqual(written.flatMap((chunk) => chunk.trades))
  const { exchangeTime: first } = trades[10 * FULL] ?? { exchangeTime: 0 }
  expect(gaps).toEqual([{ from: START + 10 * MINUTE, to: first, reason: 'not_stored' }])
})

it('keeps what little there is of quiet instruments through an outage of hours', () => {
  const givenUp = vi.fn()
  const recorder = createRecorder(undefined, givenUp)
  for (let minute = 0; minute < 12 * 60; minute++) {
    for (let id = 1; id <= 20; id++) recorder.addTrade(id, trade(minute, START + minute * MINUTE))
    recorder.takeDue(START + minute * MINUTE)
    recorder.putBack()
  }
  expect(givenUp).not.toHaveBeenCalled()
  expect(recorder.waiting(1, START + 12 * HOUR).trades).toHaveLength(12 * 60)
})

it('lets an outage of the database grow neither what was heard nor what was lost', () => {
  const recorder = createRecorder()
  const MINUTES = 60
  for (let minute = 0; minute < MINUTES; minute++) {
    for (const id of [1, 2]) addMinute(recorder, minute, id)
    recorder.takeDue(START + (minute + 1) * MINUTE + 15 * SECOND)
    recorder.putBack()
  }
  const end = START + MINUTES * MINUTE
  const { chunks, heard } = recorder.takeDue(end + 15 * SECOND)
  expect(heard).toEqual([1, 2].map((instrumentId) => ({ instrumentId, from: START, to: end })))
  const lost = chunks.filter(({ gaps }) => gaps.length > 0)
  expect(lost.map(({ instrumentId }) => instrumentId).sort()).toEqual([1, 2])
  for (const { instrumentId, trades, gaps } of lost) {
    const kept = chunks.filter((chunk) => chunk.instrumentId === instrumentId && chunk.trades.length > 0)
    expect([trades, gaps]).toEqual([[], [{ from: START, to: kept[0]?.minute, reason: 'not_stored' }]])
  }
})

it('claims to have heard no more than what is known: what is waited for may be missing', () => {
  let knownTo = START + 90 * SECOND
  const recorder = createRecorder(() => knownTo)
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
  const recorder = createRecorder()
  recorder.addTrade(1, trade(1, START))
  recorder.endTrades(1, START + 30 * SECOND)
  expect(recorder.takeDue(START + 31 * SECOND)).toMatchObject({
    chunks: [{ trades: [{ seq: 1 }] }],
    heard: [{ instrumentId: 1, from: START, to: START + 30 * SECOND }],
  })
})

it('gives up nothing of a busy minute while the database takes what it is given', () => {
  const onGivenUp = vi.fn()
  const recorder = createRecorder(undefined, onGivenUp)
  const [instruments, seconds, perSecond] = [60, 50, 50]
  let stored = 0
  for (let second = 0; second < seconds; second++) {
    for (let n = 0; n < perSecond; n++) {
      for (let id = 1; id <= instruments; id++) {
        recorder.addTrade(id, trade(second * perSecond + n, START + second * SECOND + n))
      }
    }
    for (const { trades } of recorder.takeDue(START + (second + 1) * SECOND).chunks) stored += trades.length
    recorder.stored()
  }
  for (const { trades, gaps } of recorder.takeDue(START + 2 * MINUTE).chunks) {
    stored += trades.length
    expect(gaps).toEqual([])
  }
  expect(onGivenUp).not.toHaveBeenCalled()
  expect(stored).toBe(instruments * seconds * perSecond)
})

it('keeps the newest 20,000 candles that the database has not taken, and gives up older ones', () => {
  const recorder = createRecorder()
  for (let count = 0; count < 20_001; count++) recorder.addCandle(candle(START + count * MINUTE), START)
  const taken = () => recorder.takeDue(START + HOUR).candles.map(({ candle }) => (candle.openTime - START) / MINUTE)
  expect(taken()).toEqual(Array.from({ length: 20_000 }, (_, index) => index + 1))
  recorder.addCandle(candle(START + 20_001 * MINUTE), START)
  recorder.putBack()
  expect(taken()).toEqual(Array.from({ length: 20_000 }, (_, index) => index + 2))
})
