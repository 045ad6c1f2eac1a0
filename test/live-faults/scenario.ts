import { env, exports } from 'cloudflare:workers'
import { z } from 'zod'
import { control, deps, hostOf, MINUTE, until } from '../faults/scenario.ts'
import { StreamClient } from '../harness/stream-client.ts'

export { control, deps, MINUTE, until }

export const EXCHANGES = ['binance', 'okx', 'bybit', 'coinbase'] as const
export type Exchange = (typeof EXCHANGES)[number]

export interface Market {
  readonly exchange: Exchange
  readonly symbol: string
  readonly exchangeSymbol: string
  readonly kind: 'spot' | 'perpetual'
}

const market = (exchange: Exchange, symbol: string, exchangeSymbol: string): Market => ({
  ...{ exchange, symbol, exchangeSymbol },
  kind: symbol.endsWith('-PERP') ? 'perpetual' : 'spot',
})

/** Two of each exchange: where it can be on two sockets, with two rules for their books. */
export const MARKETS: Readonly<Record<Exchange, readonly [Market, Market]>> = {
  binance: [market('binance', 'BTC-USDT', 'BTCUSDT'), market('binance', 'ETH-USDT-PERP', 'ETHUSDT')],
  okx: [market('okx', 'BTC-USDT', 'BTC-USDT'), market('okx', 'ETH-USDT-PERP', 'ETH-USDT-SWAP')],
  bybit: [market('bybit', 'BTC-USDT', 'BTCUSDT'), market('bybit', 'ETH-USDT-PERP', 'ETHUSDT')],
  coinbase: [market('coinbase', 'BTC-USD', 'BTC-USD'), market('coinbase', 'ETH-USD', 'ETH-USD')],
}

/** Opens a stream as a client does, through the worker. */
export async function open(exchange: Exchange): Promise<StreamClient> {
  const response = await exports.default.fetch(`http://worker/v1/stream/${exchange}`, {
    headers: { Upgrade: 'websocket' },
  })
  const { webSocket } = response
  if (webSocket === null) throw new Error(`no stream of ${exchange}: ${response.status} ${await response.text()}`)
  const client = new StreamClient(webSocket, exchange)
  webSocket.accept()
  return client
}

export const relay = deps.relay('weur', 0)

/** As {@link open}, of all exchanges by way of a relay. */
export async function openRelay(): Promise<StreamClient> {
  const { webSocket } = await relay.fetch('https://relay/v1/stream', { headers: { Upgrade: 'websocket' } })
  if (webSocket === null) throw new Error('no stream')
  const client = new StreamClient(webSocket)
  webSocket.accept()
  return client
}

const controlSchema = z.object({
  now: z.int(),
  faults: z.array(z.object({ served: z.int(), left: z.int().nullable() })),
  requests: z.record(z.string(), z.int()),
  statuses: z.record(z.string(), z.int()),
  injected: z.record(z.string(), z.int()),
  upgrades: z.array(z.object({ path: z.string(), at: z.int(), status: z.int().nullable() })),
  streams: z.object({ sockets: z.record(z.string(), z.int()) }),
})

/** What a simulated exchange says about itself: of Binance both hosts together. */
export async function controlOf(exchange: Exchange) {
  const response = await fetch(`${hostOf(exchange)}/_control`)
  return controlSchema.parse(await response.json())
}

/** The newest requests to open a socket at a path, with what they were answered. */
export async function upgradesOf(exchange: Exchange, path: string) {
  const { upgrades } = await controlOf(exchange)
  return upgrades.filter((upgrade) => upgrade.path === (path === '' ? '/' : path))
}

/** How many sockets an exchange has to serve. */
export async function socketsOf(exchange: Exchange): Promise<number> {
  return Object.values((await controlOf(exchange)).streams.sockets).reduce((a, b) => a + b, 0)
}

export function feed(exchange: Exchange) {
  return deps.feed(exchange)
}

export const database = env.DB
