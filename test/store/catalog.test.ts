import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import type { SymbolQuery } from '../../src/domain/instrument.ts'
import { Catalog, readInstruments } from '../../src/store/catalog.ts'
import { storesOf } from '../../src/store/stores.ts'
import { seedSeries } from './seed.ts'

const symbol = (name: string): SymbolQuery => ({ by: 'symbol', symbol: name })
const joined = (name: string): SymbolQuery => ({ by: 'joined', exchange: 'okx', kind: 'spot', joined: name })

beforeAll(async () => {
  await seedSeries('1m', 1)
  await seedSeries('1h', 2)
})

describe('Catalog', () => {
  it('remembers for half a minute', async () => {
    let now = 0
    const catalog = new Catalog(storesOf(env), { now: () => now, at: (time) => time, realMs: (ms) => ms })
    const intervalsOf = async () =>
      (await catalog.find('okx', symbol('A1-USDT')))?.series.map(({ interval }) => interval).sort()
    expect(await intervalsOf()).toEqual(['1m'])
    await env.DB.prepare("INSERT INTO series (instrument_id, interval, source) VALUES (1, '1d', 'exchange')").run()
    now = 29_999
    expect(await intervalsOf()).toEqual(['1m'])
    now = 30_000
    expect(await intervalsOf()).toEqual(['1d', '1m'])
    await env.DB.prepare("DELETE FROM series WHERE interval = '1d'").run()
    catalog.clear()
    expect(await intervalsOf()).toEqual(['1m'])
  })

  it('does not remember what is not there', async () => {
    const catalog = new Catalog(storesOf(env), { now: () => 0, at: (time) => time, realMs: (ms) => ms })
    expect(await catalog.find('okx', symbol('A9-USDT'))).toBeUndefined()
    await seedSeries('1m', 9)
    expect((await catalog.find('okx', symbol('A9-USDT')))?.instrument).toMatchObject({ id: 9, symbol: 'A9-USDT' })
    expect(await catalog.find('bybit', symbol('A9-USDT'))).toBeUndefined()
  })
})

describe('readInstruments', () => {
  it('answers in the order of the names', async () => {
    const names = [symbol('A2-USDT'), symbol('NOPE-USDT'), joined('A1USDT'), symbol('A2-USDT')]
    const found = await readInstruments(env.DB.withSession(), 'okx', names)
    expect(found.map((instrument) => instrument?.id)).toEqual([2, undefined, 1, 2])
    expect(await readInstruments(env.DB.withSession(), 'bybit', names)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })
})
