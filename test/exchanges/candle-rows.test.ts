import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Candle } from '../../src/domain/candle.ts'
import type { InstrumentKind } from '../../src/domain/instrument.ts'
import { decimalField, timeField } from '../../src/exchanges/decode.ts'
import { decoders, type ExchangeName } from '../../src/exchanges/registry.ts'

/** What a row of each exchange must be, declared: the readers by hand must agree with it on whatever is sent. */
const [time, decimal] = [timeField, decimalField]
const nothing = { tradeCount: null, closed: null, quoteVolume: null }
const confirm = z.union([z.literal(['1', 1]).transform(() => true), z.literal(['0', 0]).transform(() => false)])

const binanceRow = z
  .tuple([time, decimal, decimal, decimal, decimal, decimal, z.unknown(), decimal, time], z.unknown())
  .transform(([openTime, open, high, low, close, volume, , quoteVolume, tradeCount]): Candle => {
    return { ...nothing, openTime, open, high, low, close, volume, quoteVolume, tradeCount }
  })

const okxSpotRow = z
  .tuple([time, decimal, decimal, decimal, decimal, decimal, z.unknown(), decimal, confirm], z.unknown())
  .transform(([openTime, open, high, low, close, volume, , quoteVolume, closed]): Candle => {
    return { ...nothing, openTime, open, high, low, close, volume, quoteVolume, closed }
  })

const okxSwapRow = z
  .tuple([time, decimal, decimal, decimal, decimal, z.unknown(), decimal, decimal, confirm], z.unknown())
  .transform(([openTime, open, high, low, close, , volume, quoteVolume, closed]): Candle => {
    return { ...nothing, openTime, open, high, low, close, volume, quoteVolume, closed }
  })

const bybitRow = z
  .tuple([time, decimal, decimal, decimal, decimal, decimal, decimal], z.unknown())
  .transform(([openTime, open, high, low, close, volume, quoteVolume]): Candle => {
    return { ...nothing, openTime, open, high, low, close, volume, quoteVolume }
  })

const coinbaseRow = z
  .tuple(
    [
      time.transform((seconds) => seconds * 1_000).refine((ms) => ms <= 8.64e15),
      decimal,
      decimal,
      decimal,
      decimal,
      decimal,
    ],
    z.unknown(),
  )
  .transform(([openTime, low, high, open, close, volume]): Candle => {
    return { ...nothing, openTime, open, high, low, close, volume }
  })

interface Case {
  readonly exchange: ExchangeName
  readonly kind: InstrumentKind
  readonly row: readonly unknown[]
  readonly schema: z.ZodType<Candle>
  /** The body that holds rows which are given oldest first. */
  readonly wrap: (rows: readonly unknown[]) => unknown
}

const T = 1767312000000
const prices = ['61234.50', '61240', '61200.01', '61210.0']
const okxRow = [String(T), ...prices, '320', '3.2', '195888.12', '1']
const inOkx = (rows: readonly unknown[]) => ({ code: '0', msg: '', data: rows.toReversed() })
const inBybit = (rows: readonly unknown[]) => ({ retCode: 0, result: { category: 'spot', list: rows.toReversed() } })

const cases: readonly Case[] = [
  {
    ...{ exchange: 'binance', kind: 'spot', schema: binanceRow, wrap: (rows) => rows },
    row: [T, ...prices, '3.20', T + 59_999, '195888.12', 402, '1', '2', '0'],
  },
  { exchange: 'okx', kind: 'spot', schema: okxSpotRow, wrap: inOkx, row: okxRow },
  { exchange: 'okx', kind: 'perpetual', schema: okxSwapRow, wrap: inOkx, row: okxRow },
  {
    ...{ exchange: 'bybit', kind: 'spot', schema: bybitRow, wrap: inBybit },
    row: [String(T), ...prices, '3.2', '195888.12'],
  },
  {
    ...{ exchange: 'coinbase', kind: 'spot', schema: coinbaseRow, wrap: (rows) => rows.toReversed() },
    row: [T / 1_000, 61200.01, 61240, 61234.5, 61210, 3.2],
  },
]

const cell = fc.oneof(
  fc.constantFrom<unknown>('', '1', '0', '-1', '1e-08', '01', '+1', '.5', '5.', 'x', ' 1', null, true, [], {}, '1e99'),
  fc.constantFrom<unknown>(0, 1, -1, 402, T, 0.1, 1e-7, 8.64e15, 8.65e15, String(T), '00', '1767312000000.0'),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string({ maxLength: 4 }),
  fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map(String),
)

describe.each(cases)('a row of $exchange ($kind)', ({ exchange, kind, row, schema, wrap }) => {
  const sound = fc.constant(row)
  const changed = fc
    .array(fc.tuple(fc.nat({ max: row.length - 1 }), cell), { minLength: 1, maxLength: 3 })
    .map((changes) => changes.reduce<readonly unknown[]>((cells, [at, value]) => cells.with(at, value), row))
  const shortened = fc.nat({ max: row.length }).map((length) => row.slice(0, length))
  const noRow = fc.constantFrom<unknown>(null, 7, 'row', {}, [])

  it('reads as its schema says, or is set apart as its schema refuses it', () => {
    const rows = fc.array(fc.oneof(sound, changed, shortened, noRow), { maxLength: 6 })
    fc.assert(
      fc.property(rows, (sent) => {
        const body = JSON.stringify(wrap(sent))
        const page = decoders[exchange].candles(body, kind)
        const judged = sent.map((one) => schema.safeParse(asReceived(one)))
        const expected = judged.flatMap((result) => (result.success ? [result.data] : []))
        expect(page.candles).toEqual(expected)
        expect(page.bad).toHaveLength(judged.length - expected.length)
        for (const { reason } of page.bad) expect(reason).toBe('malformed')
      }),
      { numRuns: 500 },
    )
  })
})

/** Numbers that a double may round reach a reader as their text; JSON knows no negative zero. */
function asReceived(row: unknown): unknown {
  if (!Array.isArray(row)) return row
  return row.map((value) => {
    if (typeof value !== 'number') return value
    return Number.isSafeInteger(value) ? value + 0 : JSON.stringify(value)
  })
}

describe('pages', () => {
  it('come oldest first, whatever the order of the exchange', () => {
    const okx = [okxRow, okxRow.with(0, '1767312060000')]
    expect(decoders.okx.candles(JSON.stringify(inOkx(okx)), 'spot').candles.map(({ openTime }) => openTime)).toEqual([
      T,
      T + 60_000,
    ])
  })

  it('keep what a bad row said of its time', () => {
    const { bad } = decoders.okx.candles(JSON.stringify(inOkx([['x'], [String(T), 'x']])), 'spot')
    expect(bad).toEqual([
      { openTime: null, reason: 'malformed', raw: '["x"]' },
      { openTime: T, reason: 'malformed', raw: `["${T}","x"]` },
    ])
  })

  it('read prices that were sent as numbers from their text', () => {
    const body = `[[${T},61234.50,61240,61200.010000000000000001,61210.0,3.2,${T + 59_999},195888.12,402,"1","2","0"]]`
    expect(decoders.binance.candles(body, 'spot').candles).toMatchObject([
      { open: '61234.5', low: '61200.010000000000000001', close: '61210', volume: '3.2', tradeCount: 402 },
    ])
  })

  it('name their instrument where the envelope does', () => {
    const page = { retCode: 0, result: { symbol: 'BTCUSDT', category: 'linear', list: [] } }
    expect(decoders.bybit.candles(JSON.stringify(page), 'perpetual').exchangeSymbol).toBe('BTCUSDT')
    expect(decoders.okx.candles('{"code":"0","data":[]}', 'spot').exchangeSymbol).toBeNull()
  })
})
