import { describe, expect, it } from 'vitest'
import type { Candle } from '../../src/domain/candle.ts'
import { compareCandles, type KnownSlots } from '../../src/domain/candle-differences.ts'
import { decimal } from '../../src/domain/decimal.ts'

const MINUTE = 60_000

function candle(minute: number, changes: Partial<Record<keyof Candle, string | number | null>> = {}): Candle {
  const text = (field: keyof Candle, value: string) => decimal(String(changes[field] ?? value))
  return {
    openTime: minute * MINUTE,
    open: text('open', '100'),
    high: text('high', '110'),
    low: text('low', '90'),
    close: text('close', '105'),
    volume: text('volume', '8'),
    quoteVolume: null,
    tradeCount: changes.tradeCount === undefined ? 4 : Number(changes.tradeCount),
    closed: null,
  }
}

const known = (candles: readonly Candle[], ...empty: readonly number[]): KnownSlots => ({
  candles,
  empty: empty.map((minute) => ({ start: minute * MINUTE, end: (minute + 1) * MINUTE })),
})

describe('a comparison with the exchange', () => {
  it('finds nothing where candles agree, and says how many did', () => {
    const all = known([candle(0), candle(1)], 2)
    expect(compareCandles(all, all)).toEqual({ compared: 2, differing: 0, differences: [] })
  })

  it('names each field that differs, by how much', () => {
    const { compared, differing, differences } = compareCandles(
      known([candle(0, { high: '111', volume: '8.01', close: '104.9' }), candle(1)]),
      known([candle(0), candle(1)]),
    )
    expect([compared, differing]).toEqual([2, 1])
    expect(differences).toEqual([
      { openTime: 0, field: 'high', trades: '111', exchange: '110', relative: '0.00909091' },
      { openTime: 0, field: 'close', trades: '104.9', exchange: '105', relative: '0.000952381' },
      { openTime: 0, field: 'volume', trades: '8.01', exchange: '8', relative: '0.00125' },
    ])
  })

  it('compares only slots of which both sides know all', () => {
    const { compared, differences } = compareCandles(known([candle(0), candle(1)], 4), known([candle(1), candle(3)]))
    expect([compared, differences]).toEqual([1, []])
  })

  it('finds a slot in which only one side has trades', () => {
    const { compared, differences } = compareCandles(known([candle(0)], 1), known([candle(1)], 0))
    expect(compared).toBe(2)
    expect(differences).toEqual([
      { openTime: 0, field: 'volume', trades: '8', exchange: '0', relative: null },
      { openTime: MINUTE, field: 'volume', trades: '0', exchange: '8', relative: '1' },
    ])
  })

  it('takes a flat candle of the exchange for a slot without trades', () => {
    const flat = candle(0, { open: '7', high: '7', low: '7', close: '7', volume: '0', tradeCount: 0 })
    expect(compareCandles(known([], 0), known([flat]))).toEqual({ compared: 1, differing: 0, differences: [] })
    const { differences } = compareCandles(known([candle(0)]), known([flat]))
    expect(differences.map(({ field }) => field)).toEqual(['volume', 'tradeCount'])
  })

  it('holds only more trades than the exchange counts for a difference', () => {
    const count = (ours: number, theirs: number) =>
      compareCandles(known([candle(0, { tradeCount: ours })]), known([candle(0, { tradeCount: theirs })])).differences
    expect(count(3, 4)).toEqual([])
    expect(count(5, 4)).toEqual([{ openTime: 0, field: 'tradeCount', trades: '5', exchange: '4', relative: '0.25' }])
    const unknown = { ...candle(0), tradeCount: null }
    expect(compareCandles(known([candle(0)]), known([unknown])).differences).toEqual([])
  })
})
