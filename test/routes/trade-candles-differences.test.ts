import { beforeEach, describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import { candleAt, MINUTE } from '../store/seed.ts'
import { HeardInstrument, HOUR, NOW, tradeAt } from './heard-trades.ts'

let heard: HeardInstrument

beforeEach(async () => {
  heard = await HeardInstrument.create()
})

/** A window of minutes before `NOW`. */
const minutes = (from: number, to: number) => `start=${NOW - from * MINUTE}&end=${NOW - to * MINUTE}`
const at = (minutesAgo: number) => NOW - minutesAgo * MINUTE

describe('differences from the exchange', () => {
  const own = (ago: number, changes = {}) => ({ ...candleAt(at(ago)), ...same, ...changes })
  const prices = { open: decimal('100.5'), high: decimal('100.5'), low: decimal('100.5'), close: decimal('100.5') }
  const same = { ...prices, volume: decimal('0.25'), quoteVolume: null, tradeCount: null }

  it('are none where it has the same candles', async () => {
    await heard.write([tradeAt(-90 * MINUTE, 1), tradeAt(-89 * MINUTE, 2)])
    await heard.series.write({ window: { start: at(90), end: at(88) }, candles: [own(90), own(89)] })
    expect(await heard.read(`interval=1m&${minutes(90, 85)}`)).toMatchObject({
      compared: 2,
      differing: 0,
      differences: [],
    })
  })

  it('are told of each field, of stored candles and of derived ones', async () => {
    await heard.write([tradeAt(-90 * MINUTE, 1), tradeAt(-89 * MINUTE, 2)])
    const planted = own(89, { high: decimal('110'), close: decimal('100.4'), volume: decimal('0.2') })
    await heard.series.write({ window: { start: at(90), end: at(85) }, candles: [own(90), planted, own(86)] })
    const { compared, differing, differences } = await heard.read(`interval=1m&${minutes(90, 85)}`)
    expect([compared, differing]).toEqual([3, 2])
    expect(differences).toEqual([
      { openTime: at(89), field: 'high', trades: '100.5', exchange: '110', relative: '0.0863636' },
      { openTime: at(89), field: 'close', trades: '100.5', exchange: '100.4', relative: '0.000996016' },
      { openTime: at(89), field: 'volume', trades: '0.25', exchange: '0.2', relative: '0.25' },
      { openTime: at(86), field: 'volume', trades: '0', exchange: '0.25', relative: '1' },
    ])
  })

  it('are told of a slot in which, as the exchange says, nothing traded', async () => {
    await heard.write([90, 89, 88].map((ago, id) => tradeAt(-ago * MINUTE, id)))
    for (const readAt of [NOW + 2 * HOUR, NOW + 3 * HOUR]) {
      const absent = [{ openTime: at(89), bracketed: true }]
      await heard.series.write({ window: { start: at(90), end: at(87) }, candles: [own(90), own(88)], absent, readAt })
    }
    const { compared, differences } = await heard.read(`interval=1m&${minutes(90, 87)}`)
    expect(compared).toBe(3)
    expect(differences).toEqual([{ openTime: at(89), field: 'volume', trades: '0.25', exchange: '0', relative: null }])
  })

  it('are not looked for in slots that are not known', async () => {
    await heard.write(
      [tradeAt(-90 * MINUTE, 1), tradeAt(-89 * MINUTE, 2)],
      [{ from: at(89), to: at(89) + 1, reason: 'trades_missing' }],
    )
    await heard.series.write({ window: { start: at(89), end: at(88) }, candles: [own(89, { volume: decimal('7') })] })
    expect(await heard.read(`interval=1m&${minutes(90, 88)}`)).toMatchObject({ compared: 0, differences: [] })
  })

  it('of a derived interval are those of its parts', async () => {
    await heard.write([tradeAt(-90 * MINUTE, 1)])
    const candles = [90, 89, 88, 87, 86].map((ago) => own(ago, { volume: decimal('0.06') }))
    await heard.series.write({ window: { start: at(90), end: at(85) }, candles })
    const { compared, differences } = await heard.read(`interval=5m&${minutes(90, 85)}`)
    expect(compared).toBe(1)
    expect(differences).toEqual([
      { openTime: at(90), field: 'volume', trades: '0.25', exchange: '0.3', relative: '0.166667' },
    ])
  })
})
