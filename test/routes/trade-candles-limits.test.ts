import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { Window } from '../../src/domain/interval.ts'
import type { StoredInstrument } from '../../src/domain/series.ts'
import type { StoredTrade } from '../../src/domain/trade-chunk.ts'
import {
  readTradeAnswer,
  type TradeCandleAnswer,
  type TradeLimits,
} from '../../src/routes/candles/from-trades/answer.ts'
import { readWhole } from '../../src/routes/candles/from-trades/export.ts'
import type { HeardTrades } from '../../src/routes/candles/from-trades/heard.ts'
import type { Scan } from '../../src/routes/candles/scan.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const LIMITS: TradeLimits = { perRead: 10, perAnswer: 50, perSlot: 200 }

const instrument: StoredInstrument = {
  ...{ id: 1, exchange: 'okx', kind: 'spot', symbol: 'A-B', exchangeSymbol: 'A-B', base: 'A', quote: 'B' },
  ...{ settle: null, contractSize: null, inverse: false, tickSize: null, lotSize: null, active: true },
  ...{ listedAt: null, validTo: null, endFound: false },
}

/** `perMinute[i]` trades in minute i, all heard; reads are counted, and as long as the database makes them. */
function heardOf(perMinute: readonly number[]): HeardTrades & { reads: number } {
  const trades = perMinute.flatMap((count, minute) =>
    Array.from({ length: count }, (_, index): StoredTrade => {
      const exchangeTime = minute * MINUTE + index
      const texts = { id: `${minute}.${index}`, price: decimal('2'), size: decimal('1'), side: 'buy' } as const
      return { ...texts, exchangeTime, receivedTime: exchangeTime, seq: index }
    }),
  )
  const within = ({ start, end }: Window) =>
    trades.filter(({ exchangeTime }) => exchangeTime >= start && exchangeTime < end)
  return {
    reads: 0,
    availableFrom: 0,
    closedTo: () => HOUR,
    holes: async () => [],
    async read(window, direction, limit) {
      this.reads += 1
      let part = { start: window.start, end: window.start }
      if (direction === 'backward') part = { start: window.end, end: window.end }
      while (within(part).length <= limit && (part.start > window.start || part.end < window.end)) {
        if (direction === 'forward') part = { start: window.start, end: part.end + MINUTE }
        else part = { start: part.start - MINUTE, end: window.end }
      }
      return { trades: within(part), window: part, holes: [] }
    },
  }
}

const scanOf = (changes: Partial<Scan> = {}): Scan => ({
  ...{ interval: '1m', window: { start: 0, end: HOUR }, direction: 'forward', limit: 5_000 },
  ...{ isBounded: true, reachesPresent: false },
  ...changes,
})

async function readAll(heard: HeardTrades, changes: Partial<Scan> = {}): Promise<TradeCandleAnswer[]> {
  const answers: TradeCandleAnswer[] = []
  const scan = scanOf(changes)
  let { start, end } = scan.window
  for (;;) {
    const answer = await readTradeAnswer(heard, instrument, { ...scan, window: { start, end } }, LIMITS)
    answers.push(answer)
    if (answer.next === null) return answers
    if (scan.direction === 'forward') start = answer.next
    else end = answer.next
    expect(answers.length).toBeLessThan(100)
  }
}

const counts = (answers: readonly TradeCandleAnswer[]) =>
  answers.map(({ candles }) => candles.map(({ tradeCount }) => tradeCount))

describe('a page of candles from trades', () => {
  it.each(['forward', 'backward'] as const)('ends once it has read enough (%s)', async (direction) => {
    const heard = heardOf(Array.from({ length: 60 }, () => 8))
    const answers = await readAll(heard, { direction })
    expect(answers.length).toBeGreaterThan(5)
    expect(Math.max(...counts(answers).map((page) => page.length))).toBeLessThan(9)
    expect(counts(answers).flat()).toEqual(Array.from({ length: 60 }, () => 8))
    const ends = answers.flatMap(({ window }) => [window.start, window.end])
    expect(new Set(ends).size).toBe(answers.length + 1)
    expect([Math.min(...ends), Math.max(...ends)]).toEqual([0, HOUR])
  })

  it('holds one slot however many trades it has, within reason', async () => {
    const heard = heardOf(Array.from({ length: 60 }, (_, minute) => (minute < 15 ? 12 : 0)))
    const answers = await readAll(heard, { interval: '15m' })
    expect(counts(answers)).toEqual([[180], []])
    expect(answers[1]?.coverage.empty).toEqual([{ start: 15 * MINUTE, end: HOUR }])
  })

  it.each(['forward', 'backward'] as const)(
    'gives up a slot that has too many, and goes on (%s)',
    async (direction) => {
      const heard = heardOf(Array.from({ length: 60 }, (_, minute) => (minute < 30 && minute > 14 ? 20 : 1)))
      const answers = await readAll(heard, { interval: '15m', direction })
      const missing = answers.flatMap(({ coverage }) => coverage.missing)
      expect(missing).toEqual([{ start: 15 * MINUTE, end: 30 * MINUTE, reason: 'too_many_trades' }])
      expect(counts(answers).flat()).toEqual([15, 15, 15])
      // Of that slot, no more than that was read.
      expect(heard.reads).toBeLessThan(30)
    },
  )

  it('holds no more candles than were asked for', async () => {
    const heard = heardOf(Array.from({ length: 60 }, () => 1))
    expect(counts(await readAll(heard, { limit: 25 })).map((page) => page.length)).toEqual([25, 25, 10])
  })

  it('breaks an export off rather than leave out what its head did not say', async () => {
    const heard = heardOf(Array.from({ length: 60 }, (_, minute) => (minute < 15 ? 20 : 1)))
    const read = (interval: Scan['interval']) => readWhole(heard, instrument, scanOf({ interval }), LIMITS)
    await expect(read('15m')).rejects.toThrow('A-B has more trades from 1970-01-01T00:00:00.000Z on')
    expect((await read('1m')).coverage.complete).toBe(true)
  })
})
