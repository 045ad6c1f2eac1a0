import type { ExchangeName } from '../../src/exchanges/registry.ts'

/** How the exchanges that a session is played against speak: acks of what was sent, and frames with data. */
export interface PlayedExchange {
  /** What the exchange answers to a message; `subscribed` is the state of that socket. */
  answer(frame: string, subscribed: Set<string>): readonly string[]
  trade(exchangeSymbol: string, id: number, time: number): string
}

export interface PlayedBook {
  readonly kind: 'snapshot' | 'update'
  /** The counter before it and after it. */
  readonly from: number
  readonly to: number
  readonly bids?: readonly (readonly [string, string])[]
  readonly asks?: readonly (readonly [string, string])[]
}

export interface PlayedCandle {
  readonly openTime: number
  readonly closed: boolean
  readonly close?: string
  /** When it was sent, counted from its open time. */
  readonly second?: number
}

interface BinanceRequest {
  readonly method: string
  readonly params: readonly string[]
  readonly id: number
}

interface OkxRequest {
  readonly id: string
  readonly op: 'subscribe' | 'unsubscribe'
  readonly args: readonly { readonly channel: string; readonly instId?: string; readonly instType?: string }[]
}

interface BybitRequest {
  readonly req_id: string
  readonly op: 'subscribe' | 'unsubscribe' | 'ping'
  readonly args: readonly string[]
}

interface CoinbaseRequest {
  readonly type: 'subscribe' | 'unsubscribe'
  readonly channels: readonly { readonly name: string; readonly product_ids: readonly string[] }[]
}

export const playedExchanges: Readonly<Record<ExchangeName, PlayedExchange>> = {
  binance: {
    answer(frame, subscribed) {
      const { method, params, id }: BinanceRequest = JSON.parse(frame)
      note(subscribed, method === 'SUBSCRIBE', params)
      return [JSON.stringify({ result: null, id })]
    },
    trade: (symbol, id, time) =>
      binance(`${symbol.toLowerCase()}@aggTrade`, {
        ...{ e: 'aggTrade', E: time + 1, s: symbol, a: id, p: '100', q: '1', f: id, l: id, T: time, m: false, M: true },
      }),
  },
  okx: {
    answer(frame, subscribed) {
      if (frame === 'ping') return ['pong']
      const { id, op, args }: OkxRequest = JSON.parse(frame)
      const names = args.map(({ channel, instId, instType }) => `${channel}:${instId ?? instType}`)
      note(subscribed, op === 'subscribe', names)
      return args.map((arg) => JSON.stringify({ id, event: op, arg, connId: 'c' }))
    },
    trade: (instId, id, time) =>
      okx('trades-all', instId, [{ instId, tradeId: String(id), px: '100', sz: '1', side: 'buy', ts: String(time) }]),
  },
  bybit: {
    answer(frame, subscribed) {
      const { req_id, op, args }: BybitRequest = JSON.parse(frame)
      if (op === 'ping') return [JSON.stringify({ success: true, ret_msg: 'pong', req_id: '', op })]
      note(subscribed, op === 'subscribe', args)
      return [JSON.stringify({ success: true, ret_msg: '', req_id, op })]
    },
    trade: (symbol, id, time) =>
      JSON.stringify({
        topic: `publicTrade.${symbol}`,
        ...{ ts: time + 1, type: 'snapshot' },
        data: [{ T: time, s: symbol, S: 'Buy', v: '1', p: '100', i: `t${id}` }],
      }),
  },
  coinbase: {
    answer(frame, subscribed) {
      const { type, channels }: CoinbaseRequest = JSON.parse(frame)
      const names = channels.flatMap(({ name, product_ids }) => product_ids.map((product) => `${name}:${product}`))
      note(subscribed, type === 'subscribe', names)
      const all = [...subscribed].map((name) => {
        const [channel = '', product = ''] = name.split(':')
        return { name: channel === 'level2_batch' ? 'level2_50' : channel, product_ids: [product], account_ids: null }
      })
      return [JSON.stringify({ type: 'subscriptions', channels: all })]
    },
    trade: (product, id, time) =>
      JSON.stringify({
        ...{ type: 'match', trade_id: id, side: 'sell', size: '1', price: '100', product_id: product },
        ...{ sequence: id, time: new Date(time).toISOString() },
      }),
  },
}

export function binanceBook(symbol: string, { from, to, bids = [], asks = [] }: PlayedBook): string {
  const data = { e: 'depthUpdate', E: to, s: symbol, U: from + 1, u: to, b: bids, a: asks }
  return binance(`${symbol.toLowerCase()}@depth@100ms`, data)
}

export function binanceCandle(
  symbol: string,
  interval: string,
  { openTime, closed, close = '100', second = 1 }: PlayedCandle,
) {
  const k = {
    t: openTime,
    T: openTime + 59_999,
    s: symbol,
    i: interval,
    f: 1,
    L: 2,
    o: '100',
    c: close,
    h: '200',
    l: '1',
  }
  return binance(`${symbol.toLowerCase()}@kline_${interval}`, {
    ...{ e: 'kline', E: openTime + second * 1_000, s: symbol },
    k: { ...k, v: '1', n: 1, x: closed, q: '100', V: '1', Q: '100', B: '0' },
  })
}

export function okxBook(instId: string, { kind, from, to, bids = [], asks = [] }: PlayedBook): string {
  const sides = { bids: bids.map((level) => [...level, '0', '1']), asks: asks.map((level) => [...level, '0', '1']) }
  const record = { ...sides, ts: '1000', checksum: 0, seqId: to, prevSeqId: kind === 'snapshot' ? -1 : from }
  return JSON.stringify({ arg: { channel: 'books', instId }, action: kind, data: [record] })
}

export function bybitBook(symbol: string, { kind, to, bids = [], asks = [] }: PlayedBook): string {
  const type = kind === 'snapshot' ? kind : 'delta'
  const data = { s: symbol, b: bids, a: asks, u: to, seq: to }
  return JSON.stringify({ topic: `orderbook.1000.${symbol}`, type, ts: 1_000, data, cts: 1_000 })
}

export function coinbaseBook(product: string, { kind, bids = [], asks = [] }: PlayedBook): string {
  if (kind === 'snapshot') return JSON.stringify({ type: 'snapshot', product_id: product, bids, asks })
  const changes = [...bids.map((level) => ['buy', ...level]), ...asks.map((level) => ['sell', ...level])]
  return JSON.stringify({ type: 'l2update', product_id: product, changes, time: '2026-01-01T00:00:00.000000Z' })
}

export function okx(channel: string, instId: string, data: readonly unknown[]): string {
  return JSON.stringify({ arg: { channel, instId }, data })
}

export function binance(stream: string, data: object): string {
  return JSON.stringify({ stream, data })
}

function note(subscribed: Set<string>, isWanted: boolean, names: readonly string[]): void {
  for (const name of names) {
    if (isWanted) subscribed.add(name)
    else subscribed.delete(name)
  }
}
