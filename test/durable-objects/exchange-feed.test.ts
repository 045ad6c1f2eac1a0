import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { ExchangeFeed } from '../../durable-objects/exchange-feed.ts'
import { claimLease } from '../../src/store/leases.ts'
import { prepare } from '../faults/scenario.ts'
import { Listener } from '../live-faults/listener.ts'
import { control, feed, open, socketsOf, until } from '../live-faults/scenario.ts'

beforeAll(async () => {
  await Promise.all([prepare('binance'), prepare('okx'), prepare('bybit'), prepare('coinbase')])
})

const api = (path: string) => exports.default.fetch(`http://worker/v1/${path}`)

describe.concurrent('a feed', () => {
  it('refuses what the exchange does not have, each topic by itself', async () => {
    const client = await open('coinbase')
    const answers = await client.subscribe(
      { channel: 'trades', symbol: 'BTC-USD' },
      { channel: 'trades', symbol: 'NONE-USD' },
      { channel: 'funding', symbol: 'BTC-USD' },
    )
    expect(answers.map(({ type, code }) => code ?? type).sort()).toEqual([
      'subscribed',
      'unknown_instrument',
      'unprocessable',
    ])
    client.close()
  })

  it('takes the ids of zvt, and answers with its own symbols', async () => {
    const client = await open('binance')
    const [answer] = await client.subscribe({ channel: 'ticker', symbol: 'cryptoperp_binance_btcusdt' })
    expect(answer).toMatchObject({ type: 'subscribed', symbol: 'BTC-USDT-PERP' })
    await client.until(() => client.messages.some(({ type }) => type === 'ticker'))
    const ticker = client.messages.find(({ type }) => type === 'ticker')
    expect(ticker).toMatchObject({ symbol: 'BTC-USDT-PERP', exchangeSymbol: 'BTCUSDT' })
    client.close()
  })

  it('answers reads from what it hears, for instruments that nobody had asked for', async () => {
    const ticker = await feed('bybit').readTicker('bybit', 'SOL-USDT')
    expect(ticker).toMatchObject({
      ok: true,
      value: { exchangeSymbol: 'SOLUSDT', ticker: { last: expect.any(String) } },
    })
    const book = await feed('bybit').readOrderBook('bybit', 'SOL-USDT', 5)
    expect(book).toMatchObject({ ok: true, value: { availableDepth: 5 } })
    if (!book.ok) throw new Error(book.detail)
    expect(book.value.bids).toHaveLength(5)
    expect(Math.abs(book.now - (book.exchangeTime ?? 0))).toBeLessThan(5_000)
    expect(await feed('bybit').readTicker('bybit', 'NONE-USDT')).toMatchObject({
      ok: false,
      code: 'unknown_instrument',
    })
  })

  it.each([
    ['binance', 'SOL-USDT-PERP', 'SOLUSDT'],
    ['okx', 'SOL-USDT-PERP', 'SOL-USDT-SWAP'],
    ['bybit', 'SOL-USDT-PERP', 'SOLUSDT'],
  ] as const)(
    'answers with the funding that %s announces, whatever streams its parts come by',
    async (name, symbol, exchangeSymbol) => {
      const answer = await feed(name).readFunding(name, symbol)
      if (!answer.ok) throw new Error(answer.detail)
      const { funding } = answer.value
      const decimal = expect.stringMatching(/^-?\d+(\.\d+)?$/)
      expect(answer.value).toEqual({
        exchangeSymbol,
        funding: { rate: decimal, nextFundingTime: expect.any(Number), markPrice: decimal, indexPrice: decimal },
      })
      const untilNext = (funding.nextFundingTime ?? 0) - answer.now
      expect(untilNext).toBeGreaterThan(-60_000)
      expect(untilNext).toBeLessThanOrEqual(8 * 3_600_000)
      expect(answer.now - answer.receivedTime).toBeLessThan(90_000)
    },
  )

  it('has no funding of what is not a perpetual, or not there', async () => {
    const spot = await feed('okx').readFunding('okx', 'SOL-USDT')
    expect(spot).toMatchObject({ ok: false, code: 'unprocessable' })
    expect(await feed('okx').readFunding('okx', 'NO-NE-PERP')).toMatchObject({ ok: false, code: 'unknown_instrument' })
  })

  it('answers with the reason, not with levels, while a book is not in sync', async () => {
    await control('binance', { fault: { type: 'status', status: 500, path: 'depth', symbol: 'XRPUSDT' } })
    const response = await api('order-books/binance/XRP-USDT?depth=5').finally(() =>
      control('binance', { clear: 'all' }),
    )
    expect(response.status).toBe(503)
    expect(response.headers.get('Retry-After')).not.toBeNull()
    expect(await response.json()).toMatchObject({ code: 'not_in_sync', detail: expect.stringContaining('not in sync') })
  })

  it('lets a topic go when nobody has had it for a minute', async () => {
    const client = await open('bybit')
    await client.subscribe({ channel: 'trades', symbol: 'DOGE-USDT' }, { channel: 'bbo', symbol: 'DOGE-USDT' })
    const topics = async () => (await feed('bybit').status('bybit')).topics
    const before = await topics()
    client.close()
    await until('the topics to go', async () => (await topics()) <= before - 2)
  })
})

describe('a feed that ends', () => {
  it('stops when it is told to, tells its clients, and starts again', async () => {
    const listener = await Listener.start('okx')
    await listener.client.subscribe({ channel: 'status' })
    const stopped = await feed('okx').stop('okx')
    expect(stopped).toMatchObject({ state: 'stopped', clients: 1 })
    expect(stopped.sockets.filter(({ state }) => state !== 'waiting')).toEqual([])
    await until('the sockets to close', async () => (await socketsOf('okx')) === 0)
    await feed('okx').poke('okx')
    expect((await feed('okx').status('okx')).state).toBe('stopped')
    expect((await feed('okx').start('okx')).state).toBe('connecting')
    await listener.caughtUp()
    await listener.expectTruth()
    expect((await feed('okx').status('okx')).state).toBe('live')
    const states = listener.client.topic({ channel: 'status' }).messages.map(({ data }) => data?.['state'])
    expect(states).toEqual(['live', 'stopped', 'connecting', 'live'])
    listener.client.close()
  })

  it('ends its clients when another object has taken over', async () => {
    const client = await open('okx')
    await client.subscribe({ channel: 'trades', symbol: 'BTC-USDT' })
    await claimLease(env.DB, 'okx', 'feed')
    expect(await client.closed).toBe(1012)
  })

  it('serves no region but the configured one', async () => {
    const moved = env.EXCHANGE_FEED.getByName('feed:okx:weur')
    const error: unknown = await moved.status('okx').catch((reason: unknown) => reason)
    expect(String(error)).toContain('unknown_exchange')
    // Woken by its own alarm it knows no name but the one that it has kept.
    await runInDurableObject(moved, async (_feed, { storage }) => {
      await storage.put({ exchange: 'okx', name: 'feed:okx:weur' })
      await storage.setAlarm(Date.now())
    })
    await evictDurableObject(moved)
    await runDurableObjectAlarm(moved)
    expect(await runInDurableObject(moved, (_feed, { storage }) => storage.list())).toEqual(new Map())
    expect(await runInDurableObject(moved, (_feed, { storage }) => storage.getAlarm())).toBeNull()
  })
})

it('STREAMS=off: a feed that was told to run and could not begin tries again with each alarm', async () => {
  await feed('coinbase').stop('coinbase')
  await runInDurableObject(feed('coinbase'), async (_feed, state) => {
    const { storage } = state
    // Marks that cannot be read stand for whatever may fail as it begins.
    await storage.put({ exchange: 'coinbase', order: 'start', marks: null })
    await storage.delete('name')
    const failing = new ExchangeFeed(state, { ...env, STREAMS: 'off' })
    await state.blockConcurrencyWhile(async () => undefined)
    await failing.alarm()
    expect(await storage.getAlarm()).not.toBeNull()
    expect(await storage.get('name')).toBeUndefined()

    await storage.put('marks', { values: 0, candles: {} })
    await failing.alarm()
    expect(await storage.getAlarm()).not.toBeNull()
    expect(await storage.get('name')).toContain('coinbase')

    await failing.stop('coinbase')
    await failing.alarm()
    expect(await storage.getAlarm()).toBeNull()
  })
})
