import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import { isFault, type ReadContext } from '../../src/domain/ingest.ts'
import { ingestedCandles } from '../../src/domain/ingest-candle.ts'
import { intervals } from '../../src/domain/interval.ts'

const MINUTE = 60_000
const T0 = Date.UTC(2026, 0, 1)
const context: ReadContext = {
  defaults: {},
  now: T0 + 60 * MINUTE,
  settleMsOf: (name) => (name === 'slow' ? 60_000 : 5_000),
}
const fields = {
  exchange: 'okx',
  symbol: 'BTC/USDT',
  interval: '1m',
  openTime: T0,
  open: '1',
  high: '2',
  low: '0.5',
  close: '1.50',
  volume: 3,
  quoteVolume: '4e0',
  tradeCount: '5',
  closed: true,
}

const read = (changes: Readonly<Record<string, unknown>>, given: Partial<ReadContext> = {}) =>
  ingestedCandles.read({ ...fields, ...changes }, { ...context, ...given })

describe('a candle that is sent', () => {
  it('reads as a loaded one, with the names as they were sent', () => {
    expect(read({})).toEqual({
      exchange: 'okx',
      symbol: 'BTC/USDT',
      interval: '1m',
      openTime: T0,
      open: decimal('1'),
      high: decimal('2'),
      low: decimal('0.5'),
      close: decimal('1.5'),
      volume: decimal('3'),
      quoteVolume: decimal('4'),
      tradeCount: 5,
      closed: true,
    })
  })

  it('takes from the request what it does not name itself', () => {
    const bare = { exchange: undefined, symbol: undefined, interval: undefined }
    const defaults = { exchange: 'bybit', symbol: 'ETH-USDT', interval: '5m' } as const
    expect(read(bare, { defaults })).toMatchObject(defaults)
    expect(read({}, { defaults })).toMatchObject({ exchange: 'okx', symbol: 'BTC/USDT', interval: '1m' })
    expect(read(bare)).toMatchObject({ reason: 'malformed', path: 'exchange' })
  })

  it('is refused until it has ended and settled, on its exchange', () => {
    const at = (now: number, exchange = 'okx') => isFault(read({ exchange }, { now }))
    expect(at(T0 + MINUTE + 4_999)).toBe(true)
    expect(at(T0 + MINUTE + 5_000)).toBe(false)
    expect(at(T0 + MINUTE + 5_000, 'slow')).toBe(true)
    expect(read({ closed: false })).toMatchObject({ reason: 'not_closed', path: 'openTime' })
  })

  it.each([
    [{ close: '2.1' }, 'high_below_body', 'high'],
    [{ low: '1.1' }, 'low_above_body', 'low'],
    [{ low: '-1' }, 'negative_value', ''],
    [{ openTime: T0 + 1 }, 'misaligned', 'openTime'],
    [{ openTime: T0 / 1_000 }, 'malformed', 'openTime'],
    [{ openTime: '2026-02-30T00:00Z' }, 'malformed', 'openTime'],
    [{ openTime: 1.5 }, 'malformed', 'openTime'],
    [{ open: null }, 'malformed', 'open'],
    [{ high: 1.1 }, 'malformed', 'high'],
    [{ low: '' }, 'malformed', 'low'],
    [{ close: true }, 'malformed', 'close'],
    [{ volume: '1,5' }, 'malformed', 'volume'],
    [{ quoteVolume: 'x' }, 'malformed', 'quoteVolume'],
    [{ tradeCount: -1 }, 'malformed', 'tradeCount'],
    [{ closed: 'yes' }, 'malformed', 'closed'],
    [{ interval: '1M ' }, 'malformed', 'interval'],
    [{ vwap: '1' }, 'malformed', 'vwap'],
    [{ ['x'.repeat(100)]: 1 }, 'malformed', `${'x'.repeat(60)}…`],
  ])('is refused with %j', (changes, reason, path) => {
    expect(read(changes)).toMatchObject({ reason, path, message: expect.any(String) })
  })

  it('has a slot of its own in each interval', () => {
    const slots = intervals.flatMap((interval) =>
      [0, 1, 2].map((n) => {
        const candle = read({ interval, openTime: T0 + n * 31 * 24 * 60 * MINUTE }, { now: T0 * 2 })
        return isFault(candle) ? candle.reason : ingestedCandles.slotOf(candle)
      }),
    )
    const sound = slots.filter((slot) => slot !== 'misaligned')
    expect(new Set(sound).size).toBe(sound.length)
  })
})
