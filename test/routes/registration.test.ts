import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { Instrument } from '../../src/domain/instrument.ts'
import { replaceInstrumentsStatements } from '../../src/store/instruments.ts'
import { insertInstrument, problem, read, send } from './api.ts'

const register = (...instruments: unknown[]) => send('POST', '/v1/instruments', { instruments })
const outcomesOf = async (response: Response) => {
  expect(response.status, await response.clone().text()).toBe(200)
  const { data } = await response.json<{ data: { symbol: string; outcome: string }[] }>()
  return data.map(({ symbol, outcome }) => `${symbol} ${outcome}`)
}
const rowsOf = async (exchange: string) =>
  (await env.DB.prepare('SELECT * FROM instruments WHERE exchange = ?1 ORDER BY id').bind(exchange).all()).results

describe('POST /v1/instruments', () => {
  it('registers an exchange of the user’s own with its instruments and assets', async () => {
    const spot = { exchange: 'mydesk', exchangeName: 'My desk', base: 'BTC', quote: 'EURX', tickSize: '0.010' }
    const perpetual = { exchange: 'mydesk', kind: 'perpetual', base: 'BTC', quote: 'EURX', contractSize: '0.001' }
    expect(await outcomesOf(await register(spot, perpetual))).toEqual(['BTC-EURX created', 'BTC-EURX-PERP created'])
    expect(await read('/v1/instruments/mydesk/BTC-EURX')).toMatchObject({
      exchange: 'mydesk',
      symbol: 'BTC-EURX',
      exchangeSymbol: 'BTC-EURX',
      tickSize: '0.01',
      settle: null,
      active: true,
    })
    expect(await read('/v1/instruments/mydesk/BTC-EURX-PERP')).toMatchObject({ settle: 'EURX', contractSize: '0.001' })
    expect(await read('/v1/assets?q=eurx')).toMatchObject({
      data: [{ asset: 'EURX', exchanges: ['mydesk'], instruments: 2 }],
    })
  })

  it('keeps the name of the exchange, whichever instrument brings it', async () => {
    const named = { exchange: 'named', exchangeName: 'Its name', base: 'A', quote: 'B' }
    await register(named, { exchange: 'named', base: 'C', quote: 'B' })
    await register({ exchange: 'named', base: 'D', quote: 'B' })
    const name = env.DB.prepare("SELECT name FROM exchanges WHERE exchange = 'named'").first('name')
    expect(await name).toBe('Its name')
  })

  it('says what a time must be', async () => {
    const body = await problem(await register({ exchange: 'x', base: 'A', quote: 'B', listedAt: 1.5 }))
    expect(body).toMatchObject({ errors: [{ message: expect.stringContaining('milliseconds') }] })
  })

  it('changes nothing when it is repeated, and takes over what has changed', async () => {
    const wanted = { exchange: 'again', base: 'ETH', quote: 'USDT', exchangeSymbol: 'ethusdt' }
    await register(wanted)
    const before = await rowsOf('again')
    expect(await outcomesOf(await register(wanted))).toEqual(['ETH-USDT unchanged'])
    expect(await rowsOf('again')).toEqual(before)
    const ended = { ...wanted, validTo: '2026-01-01' }
    expect(await outcomesOf(await register(ended))).toEqual(['ETH-USDT updated'])
    expect(await rowsOf('again')).toMatchObject([{ active: 0, valid_to: Date.UTC(2026, 0, 1), registered: 1 }])
  })

  it('finds an instrument by the symbol that it had before it was renamed', async () => {
    await register({ exchange: 'renamer', base: 'MATIC', quote: 'USDT', exchangeSymbol: 'one' })
    expect(
      await outcomesOf(await register({ exchange: 'renamer', base: 'POL', quote: 'USDT', exchangeSymbol: 'one' })),
    ).toEqual(['POL-USDT updated'])
    expect(await read('/v1/instruments/renamer/MATIC-USDT')).toMatchObject({
      symbol: 'POL-USDT',
      aliases: ['MATIC-USDT'],
    })
    expect(await read('/v1/candles/renamer/MATIC-USDT?interval=1m')).toMatchObject({ symbol: 'POL-USDT' })
  })

  it('leaves what the exchange lists itself to the exchange', async () => {
    await insertInstrument({ symbol: 'LISTED-USDT', exchange: 'bybit', exchangeSymbol: 'LISTEDUSDT' })
    const same = { exchange: 'bybit', base: 'LISTED', quote: 'USDT', exchangeSymbol: 'LISTEDUSDT' }
    const body = await problem(await register(same))
    expect(body).toMatchObject({ status: 422, errors: [{ path: 'instruments[0]' }] })
    const taken = await problem(await register({ ...same, exchangeSymbol: 'OTHER' }))
    expect(taken).toMatchObject({ status: 422, errors: [{ message: expect.stringContaining('another instrument') }] })
  })

  it('keeps a registered one when the exchange does not list it, and gives it back when it does', async () => {
    const luna = { exchange: 'okx', base: 'LUNAX', quote: 'USDT', validTo: '2022-05-13' }
    expect(await outcomesOf(await register(luna))).toEqual(['LUNAX-USDT created'])
    const listed: Instrument = {
      ...{ exchange: 'okx', kind: 'spot', symbol: 'ZZZ-USDT', exchangeSymbol: 'ZZZ-USDT', base: 'ZZZ', quote: 'USDT' },
      ...{
        settle: null,
        inverse: false,
        contractSize: null,
        tickSize: null,
        lotSize: null,
        active: true,
        listedAt: null,
      },
    }
    await env.DB.batch(replaceInstrumentsStatements(env.DB, 'okx', 'spot', [listed], [], 5))
    const row = () =>
      env.DB.prepare("SELECT listed, active, registered, valid_to FROM instruments WHERE symbol = 'LUNAX-USDT'").first()
    expect(await row()).toEqual({ listed: 1, active: 0, registered: 1, valid_to: Date.UTC(2022, 4, 13) })
    const back = { ...listed, symbol: 'LUNAX-USDT', exchangeSymbol: 'LUNAX-USDT', base: 'LUNAX' }
    await env.DB.batch(replaceInstrumentsStatements(env.DB, 'okx', 'spot', [listed, back], [], 6))
    expect(await row()).toEqual({ listed: 1, active: 1, registered: 0, valid_to: null })
  })

  it.each([
    ['a name that no exchange can have', { exchange: 'My Desk', base: 'A', quote: 'B' }, 'instruments[0].exchange'],
    ['an asset that cannot be one', { exchange: 'x', base: 'A-B', quote: 'B' }, 'instruments[0].base'],
    ['a size of nothing', { exchange: 'x', base: 'A', quote: 'B', tickSize: '0' }, 'instruments[0].tickSize'],
    ['a settling asset of spot', { exchange: 'x', base: 'A', quote: 'B', settle: 'B' }, 'instruments[0].settle'],
    [
      'an end before the beginning',
      { exchange: 'x', base: 'A', quote: 'B', listedAt: 5, validTo: 4 },
      'instruments[0].validTo',
    ],
    [
      'a name for an exchange of ours',
      { exchange: 'okx', exchangeName: 'Mine', base: 'A', quote: 'B' },
      'instruments[0].exchangeName',
    ],
    ['an end to come', { exchange: 'x', base: 'A', quote: 'B', validTo: '2099-01-01' }, 'instruments[0].validTo'],
    ['a time in seconds', { exchange: 'x', base: 'A', quote: 'B', listedAt: 1_700_000_000 }, 'instruments[0].listedAt'],
    ['an unknown member', { exchange: 'x', base: 'A', quote: 'B', tick: '1' }, 'instruments[0].tick'],
  ])('refuses %s, and registers none', async (_, wanted, path) => {
    const good = { exchange: 'refused', base: 'A', quote: 'B' }
    const body = await problem(await register(wanted, good))
    expect(body).toMatchObject({ status: 400, errors: [{ path }] })
    expect(await rowsOf('refused')).toEqual([])
  })

  it('refuses one that stands there twice', async () => {
    const one = { exchange: 'twice', base: 'A', quote: 'B' }
    expect(await problem(await register(one, one))).toMatchObject({
      status: 400,
      errors: [{ path: 'instruments[1]' }, {}],
    })
    expect(await rowsOf('twice')).toEqual([])
  })

  it('needs the token', async () => {
    const response = await send('POST', '/v1/instruments', { instruments: [] }, {})
    expect(await problem(response)).toMatchObject({ status: 401 })
  })
})

describe('POST /v1/assets', () => {
  it('registers assets that nothing trades in yet, findable by their name', async () => {
    const assets = [{ asset: 'GLD9', name: 'Gold of the Nine' }, { asset: 'BARE9' }]
    const first = await send('POST', '/v1/assets', { assets })
    expect(await first.json()).toEqual({ changed: 2 })
    expect(await (await send('POST', '/v1/assets', { assets })).json()).toEqual({ changed: 0 })
    expect(await read('/v1/assets?q=of the nine')).toMatchObject({
      data: [{ asset: 'GLD9', name: 'Gold of the Nine', exchanges: [], instruments: 0 }],
    })
  })

  it('refuses one that stands there twice, for which of its names should count?', async () => {
    const assets = [
      { asset: 'DUP9', name: 'one' },
      { asset: 'DUP9', name: 'two' },
    ]
    const body = await problem(await send('POST', '/v1/assets', { assets }))
    expect(body).toMatchObject({ status: 400, errors: [{ path: 'assets[1].asset' }] })
    expect(await read('/v1/assets?q=dup9')).toMatchObject({ data: [] })
  })

  it('refuses what is no name', async () => {
    const body = await problem(await send('POST', '/v1/assets', { assets: [{ asset: 'a b' }] }))
    expect(body).toMatchObject({ status: 400, errors: [{ path: 'assets[0].asset' }] })
  })
})
