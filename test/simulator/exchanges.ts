/** Starts simulated exchanges inside this process. */

import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BinanceHost } from './binance.ts'
import { binanceStreams } from './binance-stream.ts'
import { BybitHost } from './bybit.ts'
import { bybitStreams } from './bybit-stream.ts'
import { createCatalogue, EXCHANGES, type ExchangeName } from './catalogue.ts'
import { type Clock, createClock } from './clock.ts'
import { CoinbaseHost } from './coinbase.ts'
import { coinbaseStreams } from './coinbase-stream.ts'
import { ExchangeState } from './exchange-state.ts'
import { OkxHost } from './okx.ts'
import { okxStreams } from './okx-stream.ts'
import type { ExchangeHost } from './protocol.ts'
import { createExchangeServers } from './server.ts'
import { StreamHub } from './ws/hub.ts'
import type { StreamEndpoint } from './ws/protocol.ts'

export interface SimulatorOptions {
  /** Without it, all four. */
  readonly exchange?: ExchangeName
  /** The first listener's port; the others follow. 0 (the default): any free ports. */
  readonly port?: number
  readonly seed?: number
  /** Simulated milliseconds per real one. */
  readonly timeScale?: number
  /** ms UTC at which simulated and real time are the same; without it, now. */
  readonly timeEpoch?: number
  /** No rate limits. */
  readonly unlimited?: boolean
}

/** Base URLs, without a slash at the end; Binance USD-M is a host of its own. */
export type ExchangeUrls = {
  readonly spot: string
  /** Missing where the exchange has no perpetuals. */
  readonly perpetual?: string
}
export type SimulatorUrls = Readonly<Partial<Record<ExchangeName, ExchangeUrls>>>

/** By exchange and name of the endpoint: http URLs, upgraded by whoever opens a socket. */
export type StreamUrls = Readonly<Partial<Record<ExchangeName, Readonly<Record<string, string>>>>>

export interface RunningExchanges {
  readonly urls: SimulatorUrls
  readonly streamUrls: StreamUrls
  /** The state behind the servers: for tests in the same process. */
  readonly states: Readonly<Partial<Record<ExchangeName, ExchangeState>>>
  stop(): Promise<void>
}

const HOSTS: Readonly<Record<ExchangeName, (state: ExchangeState) => ExchangeHost[]>> = {
  binance: (state) => [new BinanceHost(state, 'spot'), new BinanceHost(state, 'perpetual')],
  okx: (state) => [new OkxHost(state)],
  bybit: (state) => [new BybitHost(state)],
  coinbase: (state) => [new CoinbaseHost(state)],
}

const STREAMS: Readonly<Record<ExchangeName, (state: ExchangeState) => StreamEndpoint[]>> = {
  binance: binanceStreams,
  okx: okxStreams,
  bybit: bybitStreams,
  coinbase: coinbaseStreams,
}

/**
 * Starts the servers and waits until they listen on 127.0.0.1.
 *
 * @param clock instead of one made of `timeScale` and `timeEpoch`: for tests
 * @throws where a port is taken
 */
export const startExchangeServers = async (
  options: SimulatorOptions = {},
  clock?: Clock,
): Promise<RunningExchanges> => {
  const { exchange, port = 0, seed = 1, timeScale = 1, timeEpoch = Date.now(), unlimited = false } = options
  const time = clock ?? createClock({ scale: timeScale, epoch: timeEpoch })
  const catalogue = createCatalogue(clock ? clock.now() : timeEpoch)
  const servers: Server[] = []
  const urls: Partial<Record<ExchangeName, ExchangeUrls>> = {}
  const states: Partial<Record<ExchangeName, ExchangeState>> = {}
  const streamUrls: Partial<Record<ExchangeName, Readonly<Record<string, string>>>> = {}
  const hubs: StreamHub[] = []
  const stop = async (): Promise<void> => {
    for (const hub of hubs) hub.stop()
    await Promise.all(servers.map(close))
  }
  try {
    for (const name of exchange ? [exchange] : EXCHANGES) {
      const state = new ExchangeState({ exchange: name, seed, clock: time, catalogue, unlimited })
      const hosts = HOSTS[name](state)
      const hub = new StreamHub(state, STREAMS[name](state))
      hubs.push(hub)
      const addresses: string[] = []
      for (const server of createExchangeServers(state, hosts, hub)) {
        servers.push(server)
        addresses.push(await listen(server, port === 0 ? 0 : port + servers.length - 1))
      }
      const addressOf = ({ host }: StreamEndpoint) => addresses[hosts.findIndex((known) => known.host === host)] ?? ''
      streamUrls[name] = Object.fromEntries(hub.endpoints.map((endpoint) => [endpoint.name, addressOf(endpoint)]))
      const [spot = '', perpetual = name === 'coinbase' ? undefined : spot] = addresses
      urls[name] = { spot, ...(perpetual === undefined ? {} : { perpetual }) }
      states[name] = state
    }
  } catch (error) {
    await stop()
    throw error
  }
  return { urls, streamUrls, states, stop }
}

const listen = (server: Server, port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(`http://127.0.0.1:${portOf(server.address())}`))
  })

const portOf = (address: AddressInfo | string | null): number =>
  typeof address === 'object' ? (address?.port ?? 0) : 0

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
