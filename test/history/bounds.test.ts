import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { scaledClock } from '../../src/domain/clock.ts'
import type { Instrument } from '../../src/domain/instrument.ts'
import { DAY, type Interval } from '../../src/domain/interval.ts'
import type { ExchangeConnector } from '../../src/exchanges/connector.ts'
import { connectorFor } from '../../src/exchanges/registry.ts'
import { findFirstCandle, findLastCandle, type SendCandles } from '../../src/history/bounds.ts'
import { ExchangeHttp } from '../../src/history/http.ts'
import { type RunningExchanges, startExchangeServers } from '../simulator/exchanges.ts'

const MINUTE = 60_000
const EXCHANGES = ['binance', 'okx', 'bybit', 'coinbase'] as const
let servers: RunningExchanges
const clock = scaledClock(Date.now, 1, 0)

beforeAll(async () => {
  servers = await startExchangeServers({ unlimited: true })
})
afterAll(() => servers.stop())

interface Market {
  readonly connector: ExchangeConnector
  readonly url: string
  readonly send: SendCandles
  readonly http: ExchangeHttp
  instrument(symbol: string): Promise<Instrument>
}

function marketOf(exchange: string): Market {
  const connector = connectorFor(exchange)
  const urls = Object.entries(servers.urls).find(([name]) => name === exchange)?.[1]
  if (connector === undefined || urls === undefined) throw new Error(`no ${exchange}`)
  const http = new ExchangeHttp({
    connector,
    baseUrl: urls,
    budgetShare: 1,
    clock,
    random: () => 0,
    known: new Map(),
    spent: {},
    onHostHealth: () => {},
  })
  return {
    connector,
    http,
    url: urls.spot,
    send: (call) => http.send(call, 'repair', Number.POSITIVE_INFINITY),
    async instrument(symbol) {
      const sent = await http.send(connector.rest.instruments('spot'), 'repair', Number.POSITIVE_INFINITY)
      if (sent.kind !== 'answer') throw new Error(sent.kind)
      const found = sent.value.instruments.find((instrument) => instrument.symbol === symbol)
      if (found === undefined) throw new Error(`no ${symbol}`)
      return found
    },
  }
}

async function trueCandles(url: string, symbol: string, interval: Interval, start: number, end: number) {
  const response = await fetch(`${url}/_truth?symbol=${symbol}&interval=${interval}&start=${start}&end=${end}`)
  const { candles }: { candles: [number, ...string[]][] } = await response.json()
  return candles
}

describe.each(EXCHANGES)('the first candle on %s', (exchange) => {
  it.each(['1m', '1h', '1d'] as const)('is found for %s', async (interval) => {
    const { connector, url, send, instrument } = marketOf(exchange)
    const btc = await instrument('BTC-USDT')
    const first = await findFirstCandle(connector, btc, interval, clock.now(), send)
    if (first.kind !== 'found') throw new Error(first.kind)
    // Where the listing time is taken at its word, the first trade may come a little later.
    const after = await trueCandles(url, btc.exchangeSymbol, interval, first.openTime, first.openTime + 3 * DAY)
    const before = await trueCandles(url, btc.exchangeSymbol, interval, first.openTime - 3 * DAY, first.openTime)
    expect(after[0]?.[0]).toBe(first.openTime)
    expect(before).toEqual([])
  })
})

describe('the last candle', () => {
  it.each(['binance', 'bybit'] as const)('of an instrument that ended on %s is found', async (exchange) => {
    const { connector, url, send, instrument } = marketOf(exchange)
    const doge = await instrument('DOGE-USDT')
    const endedAt = Math.floor(clock.now() / DAY) * DAY - 20 * DAY + 125 * MINUTE
    await fetch(`${url}/_control`, {
      method: 'POST',
      body: JSON.stringify({ delist: { symbol: doge.exchangeSymbol, kind: 'spot', at: endedAt } }),
    })
    const last = await findLastCandle(connector, doge, clock.now(), clock.now(), send)
    if (exchange === 'bybit' && last.kind === 'rejected') return expect(last.unknownInstrument).toBe(true)
    const truth = await trueCandles(url, doge.exchangeSymbol, '1m', endedAt - 60 * MINUTE, clock.now())
    expect(last).toEqual({ kind: 'found', openTime: truth.at(-1)?.[0] })
  })

  it('is not made up where the exchange cannot be asked', async () => {
    const { connector, instrument } = marketOf('okx')
    const btc = await instrument('BTC-USDT')
    const refused: SendCandles = async () => ({ kind: 'failed', reason: 'down' })
    expect(await findLastCandle(connector, btc, clock.now(), clock.now(), refused)).toEqual({
      kind: 'failed',
      reason: 'down',
    })
    const silent: SendCandles = async () => ({ kind: 'answer', value: { candles: [], bad: [] }, readAt: 0 })
    expect(await findLastCandle(connector, btc, clock.now(), clock.now(), silent)).toEqual({ kind: 'absent' })
    expect(await findFirstCandle(connector, { ...btc, listedAt: null }, '1m', clock.now(), silent)).toEqual({
      kind: 'absent',
    })
    expect(await findFirstCandle(connector, { ...btc, listedAt: null }, '1m', clock.now(), refused)).toEqual({
      kind: 'failed',
      reason: 'down',
    })
  })
})
