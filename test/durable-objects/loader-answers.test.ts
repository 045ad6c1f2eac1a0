import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { compareDecimals } from '../../src/domain/decimal.ts'
import { floorToInterval } from '../../src/domain/interval.ts'
import { control, deps, HOUR, MINUTE, prepare, until } from '../faults/scenario.ts'

/** What the loader answers to the feed, asked of the simulated exchanges. */
describe.each([
  ['binance', 'BTCUSDT', 'spot'],
  ['binance', 'ETHUSDT', 'perpetual'],
  ['okx', 'BTC-USDT', 'spot'],
  ['okx', 'ETH-USDT-SWAP', 'perpetual'],
  ['bybit', 'BTCUSDT', 'spot'],
  ['coinbase', 'BTC-USD', 'spot'],
] as const)('the loader of %s, about %s', (exchange, exchangeSymbol, kind) => {
  const loader = deps.loader(exchange)
  let id = 0

  beforeAll(async () => {
    await prepare(exchange)
    const row = await env.DB.prepare(
      'SELECT id FROM instruments WHERE exchange = ?1 AND exchange_symbol = ?2 AND kind = ?3 AND listed',
    )
      .bind(exchange, exchangeSymbol, kind)
      .first<{ id: number }>()
    if (row === null) throw new Error(`no ${exchangeSymbol}`)
    id = row.id
    // The ban of an earlier test, if there was one, is over.
    await until('the exchange', async () => (await loader.readNewest(exchange, id, 'trade')).ok)
  })

  it('reads books, best levels first', async () => {
    const answer = await loader.readBookSnapshot(exchange, id, 20)
    if (!answer.ok) throw new Error(answer.detail)
    const { bids, asks } = answer.value
    const [bid, ask] = [bids[0], asks[0]]
    if (bid === undefined || ask === undefined) throw new Error('an empty book')
    expect(bids.length).toBeGreaterThanOrEqual(20)
    expect(compareDecimals(bid.price, ask.price)).toBeLessThan(0)
    const newest = await loader.readNewest(exchange, id, 'book')
    if (!newest.ok || newest.value.what !== 'book') throw new Error('no book')
    expect(newest.value.bids.length).toBeLessThanOrEqual(5)
    expect(newest.value.asks.length).toBeGreaterThan(0)
  })

  it('reads the newest trade', async () => {
    const trade = await loader.readNewest(exchange, id, 'trade')
    expect(trade).toMatchObject({ ok: true, value: { what: 'trade', tradeId: expect.any(String) } })
  })

  it('reads closed candles only', async () => {
    const end = floorToInterval(deps.clock.now(), '1m') - MINUTE
    const start = end - 15 * MINUTE
    const answer = await loader.readCandles(exchange, id, '1m', { start, end })
    if (!answer.ok) throw new Error(answer.detail)
    const times = answer.value.map(({ openTime }) => openTime)
    expect(times.length).toBeGreaterThan(5)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times[0]).toBeGreaterThanOrEqual(start)
    expect(times.at(-1)).toBeLessThan(end)
    const open = await loader.readCandles(exchange, id, '1m', { start, end: end + 5 * MINUTE })
    expect(open).toMatchObject({ ok: false, code: 'unprocessable' })
  })

  it('fills a hole in the trades', async () => {
    const newest = await loader.readTradeHole(exchange, id, { afterId: null, beforeId: null })
    if (!newest.ok) throw new Error(newest.detail)
    const { trades } = newest.value
    expect(newest.value.isComplete).toBe(false)
    expect(trades.length).toBeGreaterThan(20)
    const [after, before] = [trades.at(-15), trades.at(-5)]
    if (after === undefined || before === undefined) throw new Error('too few trades')
    const filled = await loader.readTradeHole(exchange, id, { afterId: after.id, beforeId: before.id })
    expect(filled).toEqual({ ok: true, value: { trades: trades.slice(-14, -5), isComplete: true } })
  })

  it('says why there is nothing', async () => {
    const unknown = { ok: false, code: 'unknown_instrument' }
    expect(await loader.readBookSnapshot(exchange, -1, 20)).toMatchObject(unknown)
    await control(exchange, { fault: { type: 'status', status: 429, retryAfterSeconds: 900, times: 1 } })
    const refused = [
      await loader.readTradeHole(exchange, id, { afterId: null, beforeId: null }),
      await loader.readCandles(exchange, id, '1m', { start: 0, end: floorToInterval(deps.clock.now(), '1m') - HOUR }),
      await loader.readBookSnapshot(exchange, id, 20),
    ]
    for (const answer of refused) {
      expect(answer).toMatchObject({ ok: false, code: 'rate_limited', retryAfterMs: expect.any(Number) })
    }
  })
})
