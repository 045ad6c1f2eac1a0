/** The frames that decoders are measured with: the simulated exchanges' own, worked out without sockets and clocks. */

import type { Instrument } from '../../src/domain/instrument.ts'
import { connectors, type ExchangeName } from '../../src/exchanges/registry.ts'
import { binanceStreams } from '../simulator/binance-stream.ts'
import { bybitStreams } from '../simulator/bybit-stream.ts'
import { manualClock } from '../simulator/clock.ts'
import { coinbaseStreams } from '../simulator/coinbase-stream.ts'
import type { ExchangeState } from '../simulator/exchange-state.ts'
import { type SimulatorUrls, type StreamUrls, startExchangeServers } from '../simulator/exchanges.ts'
import { okxStreams } from '../simulator/okx-stream.ts'
import type { StreamEndpoint, StreamSocket, StreamTopic } from '../simulator/ws/protocol.ts'
import { randomOf } from './statistics.ts'

/** 60 % order book, 30 % trades, 10 % best prices, as a feed has them. */
const COUNTS = { book: 1_800, trades: 900, bbo: 300 } as const
const channels = ['book', 'trades', 'bbo'] as const
export type MixChannel = (typeof channels)[number]

const SEED = 1
/** Any moment will do; not a whole second, when the simulated exchanges' books change. */
const NOW = Date.UTC(2026, 5, 1, 12) + 500
/** So far must the simulated time go for enough trades. */
const WINDOW_MS = 60 * 60_000
const SNAPSHOT_DEPTH = 1_000

export interface MixedFrame {
  readonly channel: MixChannel
  readonly text: string
}

export interface FrameMix {
  readonly frames: readonly MixedFrame[]
  /** What the streams begin with, book snapshots above all: some decoders want to have seen it. */
  readonly first: readonly MixedFrame[]
  readonly instruments: readonly Instrument[]
  readonly urls: SimulatorUrls
  readonly streamUrls: StreamUrls
  /** The book of a symbol as the first of its frames finds it, as REST gives it. */
  readSnapshot(symbol: string): Promise<string>
  /** Ends the servers of the simulated exchange. */
  stop(): Promise<void>
}

interface Source {
  readonly kind: Instrument['kind']
  readonly symbols: readonly string[]
  readonly endpoints: (state: ExchangeState) => StreamEndpoint[]
  /** Path of the socket, and the request for one channel of a symbol. Channels that every decoder here knows. */
  readonly path: string
  readonly request: (channel: MixChannel, symbol: string) => object
}

const BINANCE_STREAMS = { book: 'depth@100ms', trades: 'trade', bbo: 'bookTicker' }
const OKX_CHANNELS = { book: 'books', trades: 'trades', bbo: 'bbo-tbt' }
const BYBIT_TOPICS = { book: 'orderbook.50', trades: 'publicTrade', bbo: 'orderbook.1' }
const COINBASE_CHANNELS = { book: 'level2_batch', trades: 'matches', bbo: 'ticker' }

const sources: Readonly<Record<ExchangeName, Source>> = {
  binance: {
    kind: 'spot',
    symbols: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT', 'DOGEUSDT'],
    endpoints: binanceStreams,
    path: '/stream',
    request: (channel, symbol) => ({
      method: 'SUBSCRIBE',
      params: [`${symbol.toLowerCase()}@${BINANCE_STREAMS[channel]}`],
      id: 1,
    }),
  },
  // Sizes in contracts: turning them into base units is part of the way to an event.
  okx: {
    kind: 'perpetual',
    symbols: ['BTC-USDT-SWAP', 'ETH-USDT-SWAP', 'SOL-USDT-SWAP', 'XRP-USDT-SWAP', 'DOGE-USDT-SWAP'],
    endpoints: okxStreams,
    path: '/ws/v5/public',
    request: (channel, instId) => ({ op: 'subscribe', args: [{ channel: OKX_CHANNELS[channel], instId }] }),
  },
  bybit: {
    kind: 'spot',
    symbols: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT', 'DOGEUSDT'],
    endpoints: bybitStreams,
    path: '/v5/public/spot',
    request: (channel, symbol) => ({ op: 'subscribe', args: [`${BYBIT_TOPICS[channel]}.${symbol}`] }),
  },
  coinbase: {
    kind: 'spot',
    symbols: ['BTC-USDT', 'ETH-USDT', 'SOL-USDT', 'XRP-USDT', 'DOGE-USDT'],
    endpoints: coinbaseStreams,
    path: '/',
    request: (channel, product) => ({
      type: 'subscribe',
      channels: [{ name: COINBASE_CHANNELS[channel], product_ids: [product] }],
    }),
  },
}

/** The same frames in every run. @throws where the simulated exchange has too few */
export async function mixFrames(exchange: ExchangeName): Promise<FrameMix> {
  const clock = manualClock(NOW)
  const { states, urls, streamUrls, stop } = await startExchangeServers(
    { exchange, seed: SEED, unlimited: true },
    clock,
  )
  const state = states[exchange]
  if (state === undefined) throw new Error(`${exchange} has not started`)
  const source = sources[exchange]
  const first: MixedFrame[] = []
  const byChannel = channels.map((channel) => {
    const { topics, wrap } = subscribe(source, state, channel)
    for (const topic of topics) {
      first.push(...topic.first(NOW).map((text): MixedFrame => ({ channel, text: wrap(topic, text) })))
    }
    const frames = topics
      .flatMap((topic) => topic.due(NOW, NOW + WINDOW_MS).map(({ time, text }) => ({ time, text: wrap(topic, text) })))
      .sort((a, b) => a.time - b.time)
      .map(({ text }): MixedFrame => ({ channel, text }))
      .slice(0, COUNTS[channel])
    if (frames.length < COUNTS[channel]) throw new Error(`${exchange} has but ${frames.length} frames of ${channel}`)
    return frames
  })
  const instruments = await readInstruments(exchange, source, urls)
  const readSnapshot = async (symbol: string) => {
    const instrument = instruments.find(({ exchangeSymbol }) => exchangeSymbol === symbol)
    if (instrument === undefined) throw new Error(`${exchange} has no ${symbol}`)
    return readAt(urls, exchange, connectors[exchange].rest.orderBook(instrument, SNAPSHOT_DEPTH).path)
  }
  return { frames: interleaved(byChannel), first, instruments, urls, streamUrls, readSnapshot, stop }
}

function subscribe(source: Source, state: ExchangeState, channel: MixChannel) {
  const endpoint = source.endpoints(state).find((one) => one.accepts(source.path))
  if (endpoint === undefined) throw new Error(`nothing is at ${source.path}`)
  const topics: StreamTopic[] = []
  const socket: StreamSocket = {
    client: 'bench',
    openedAt: NOW,
    isLimited: false,
    topics: new Map(),
    reply: () => {},
    subscribe: (topic) => topics.push(topic),
    unsubscribe: () => {},
    isRejected: () => false,
    ping: () => {},
    close: (code, reason) => {
      throw new Error(`closed with ${code} ${reason}`)
    },
  }
  const session = endpoint.open(socket, { path: source.path, query: new URLSearchParams() })
  const wrap = (topic: StreamTopic, text: string) => session.wrap?.(topic, text) ?? text
  const wanted: StreamTopic[] = []
  for (const symbol of source.symbols) {
    topics.length = 0
    session.receive(JSON.stringify(source.request(channel, symbol)), NOW)
    wanted.push(...topics.filter(({ target }) => target.channel !== 'control'))
  }
  return { topics: [...new Map(wanted.map((topic) => [topic.key, topic])).values()], wrap }
}

/** Mixed by chance, each kind in its own order. */
function interleaved(lists: readonly (readonly MixedFrame[])[]): MixedFrame[] {
  const random = randomOf(SEED)
  return lists
    .flatMap((frames) => {
      const places = frames.map(() => random()).sort((a, b) => a - b)
      return frames.map((frame, index) => ({ frame, place: places[index] ?? 0 }))
    })
    .sort((a, b) => a.place - b.place)
    .map(({ frame }) => frame)
}

async function readInstruments(exchange: ExchangeName, { kind, symbols }: Source, urls: SimulatorUrls) {
  const call = connectors[exchange].rest.instruments(kind)
  const { instruments } = call.decode(await readAt(urls, exchange, call.path))
  return instruments.filter(({ exchangeSymbol }) => symbols.includes(exchangeSymbol))
}

/** What the simulated exchange answers in place of the real one. */
async function readAt(urls: SimulatorUrls, exchange: ExchangeName, path: string): Promise<string> {
  const response = await fetch(`${urls[exchange]?.spot}${path}`)
  return response.text()
}
