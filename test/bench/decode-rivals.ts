import type { Exchange } from 'ccxt'
import { normalizeBookChanges, normalizeBookTickers, normalizeTrades } from 'tardis-dev'
import type { Instrument } from '../../src/domain/instrument.ts'
import { connectors, type ExchangeName } from '../../src/exchanges/registry.ts'
import { resolveEvent } from '../../src/exchanges/resolve.ts'
import {
  createBinanceStreams,
  createBybitStreams,
  createCoinbaseStreams,
  createOkxStreams,
} from '../ccxt/stream-clients.ts'
import type { FrameMix, MixChannel, MixedFrame } from './decode-frames.ts'

/** One way from the text of frames to what they say. */
export interface Decoder {
  readonly name: string
  /** Makes ready for the frames from their beginning: not part of what is measured. */
  prepare(): Promise<void>
  /** @returns how many things the frames have said */
  run(frames: readonly MixedFrame[]): number
}

/** The connector of an exchange, as a feed uses it. @throws where a frame is no data */
export function ownDecoder(exchange: ExchangeName, mix: FrameMix): Decoder {
  const { stream } = connectors[exchange]
  const instruments = new Map(mix.instruments.map((instrument) => [instrument.exchangeSymbol, instrument]))
  const kind = mix.instruments[0]?.kind ?? 'spot'
  return {
    name: 'zvt-crypto',
    prepare: async () => {},
    run: (frames) => {
      let said = 0
      for (const { text } of frames) {
        const frame = stream.decode(text, kind)
        if (frame.kind !== 'data') throw new Error(`${exchange}: ${JSON.stringify(frame)}`)
        for (const event of frame.events) {
          const instrument: Instrument | undefined = instruments.get(event.exchangeSymbol)
          if (instrument === undefined) throw new Error(`no instrument ${event.exchangeSymbol}`)
          if (resolveEvent(event, instrument).channel !== undefined) said += 1
        }
      }
      return said
    },
  }
}

/** What no decoder of JSON can do without. */
export const bareParse: Decoder = {
  name: 'JSON.parse',
  prepare: async () => {},
  run: (frames) => {
    let said = 0
    for (const { text } of frames) if (typeof JSON.parse(text) === 'object') said += 1
    return said
  },
}

const tardisNames = { binance: 'binance', okx: 'okex-swap', bybit: 'bybit-spot', coinbase: 'coinbase' } as const

/** The mappers of tardis-dev, the first that takes a message, as its own streams use them. */
export function tardisDecoder(exchange: ExchangeName, mix: FrameMix, snapshots: readonly BinanceSnapshot[]): Decoder {
  const name = tardisNames[exchange]
  // What is happening now is in the formats of now.
  const createMappers = (date = new Date()) => [
    normalizeBookChanges(name, date),
    normalizeTrades(name, date),
    normalizeBookTickers(name, date),
  ]
  let mappers = createMappers()
  const map = (message: unknown): number => {
    let said = 0
    const receivedAt = new Date()
    for (const mapper of mappers) {
      if (!mapper.canHandle(message)) continue
      for (const _ of mapper.map(message, receivedAt) ?? []) said += 1
    }
    return said
  }
  return {
    name: 'tardis-dev',
    prepare: async () => {
      mappers = createMappers()
      for (const { symbol, body } of snapshots) map({ stream: `${symbol.toLowerCase()}@depthSnapshot`, data: body() })
      for (const { text } of mix.first) map(JSON.parse(text))
    },
    run: (frames) => {
      let said = 0
      for (const { text } of frames) said += map(JSON.parse(text))
      return said
    },
  }
}

/** The book over REST with which the streamed one of Binance begins. `body` is a new object each time. */
export interface BinanceSnapshot {
  readonly symbol: string
  readonly body: () => { readonly lastUpdateId: number; readonly bids: unknown[]; readonly asks: unknown[] }
}

const createStreams = {
  binance: createBinanceStreams,
  okx: (urls: StreamsUrls) => createOkxStreams(urls, KEEP_ALIVE_MS),
  bybit: createBybitStreams,
  coinbase: createCoinbaseStreams,
} as const satisfies Record<ExchangeName, (urls: StreamsUrls) => Exchange>
type StreamsUrls = Parameters<typeof createBinanceStreams>[0]
/** What ccxt reads the kind of a market from; nothing is opened there. */
const SOCKET_URLS: Readonly<Record<ExchangeName, string>> = {
  binance: 'wss://exchange/spot/stream',
  okx: 'wss://exchange/ws/v5/public',
  bybit: 'wss://exchange/v5/public/spot',
  coinbase: 'wss://exchange',
}
/** No socket is opened: any time will do. */
const KEEP_ALIVE_MS = 10_000

/**
 * The handlers of ccxt's streaming clients, which also keep their order books. Best prices have a client of their own:
 * where they come as a book of one level, they would replace the whole one.
 */
export async function ccxtDecoder(
  exchange: ExchangeName,
  mix: FrameMix,
  snapshots: readonly BinanceSnapshot[],
): Promise<Decoder> {
  let said = 0
  const open = async () => {
    const client = createStreams[exchange]({ urls: mix.urls, streamUrls: mix.streamUrls })
    await client.loadMarkets()
    const socket = client.client(SOCKET_URLS[exchange])
    // As if every frame had been asked for.
    for (const name of Object.keys(client.markets ?? {})) {
      for (const channel of ['books', 'bbo-tbt']) socket.subscriptions[`${channel}:${name}`] = true
    }
    socket.resolve = (result: unknown) => {
      said += 1
      return result
    }
    return { client, socket }
  }
  const ofBooks = await open()
  const ofOthers = await open()
  const clients: Readonly<Record<MixChannel, typeof ofBooks>> = { book: ofBooks, trades: ofOthers, bbo: ofOthers }
  const handle = ({ channel, text }: MixedFrame) => {
    const { client, socket } = clients[channel]
    client.handleMessage(socket, JSON.parse(text))
  }
  return {
    name: 'ccxt',
    prepare: async () => {
      for (const { client } of [ofBooks, ofOthers]) client.orderbooks = {}
      for (const { symbol, body } of snapshots) {
        const { client } = ofBooks
        const { lastUpdateId, bids, asks } = body()
        const name = client.safeSymbol(symbol, undefined, undefined, 'spot')
        const numbers = (rows: unknown[]) => rows.map((row) => (Array.isArray(row) ? row.map(Number) : []))
        client.orderbooks[name] = client.orderBook({ bids: numbers(bids), asks: numbers(asks), nonce: lastUpdateId })
      }
      for (const frame of mix.first) handle(frame)
    },
    run: (frames) => {
      said = 0
      for (const frame of frames) handle(frame)
      return said
    },
  }
}
