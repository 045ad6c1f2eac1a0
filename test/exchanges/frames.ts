import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { FrameDecoder } from '../../src/cli/decode-frames.ts'
import type { Message } from '../../src/cli/message.ts'
import type { MarketEvent } from '../../src/domain/event.ts'
import type { Instrument, InstrumentKind } from '../../src/domain/instrument.ts'
import { connectors, type ExchangeName, exchangeNames } from '../../src/exchanges/registry.ts'
import { instrument } from './instruments.ts'

/** Frames of one socket in a file, in order. */
export interface FrameFile {
  readonly exchange: ExchangeName
  readonly kind: InstrumentKind
  /** Of a recording: the folder that it stands in. */
  readonly channel: string
  /** Short, for the names of tests. */
  readonly name: string
  readonly path: string
  readonly frames: readonly string[]
}

const fixturesFolder = join(import.meta.dirname, '../fixtures')
export const recordingsFolder = join(import.meta.dirname, '../../../shared/recordings')

/** `<exchange>/<name>.stream.<kind>.ndjson` */
export function fixtureFrames(): readonly FrameFile[] {
  return exchangeNames.flatMap((exchange) =>
    namesIn(join(fixturesFolder, exchange))
      .filter((name) => name.includes('.stream.') && !name.includes('.expected.'))
      .map((name) => {
        const kind = name.endsWith('.perpetual.ndjson') ? 'perpetual' : 'spot'
        return readFrames({ exchange, kind, channel: '' }, exchange, join(fixturesFolder, exchange, name))
      }),
  )
}

/** Folder of a recording -> exchange and kind. */
const recordedExchanges = {
  binance: ['binance', 'spot'],
  'binance-futures': ['binance', 'perpetual'],
  okx: ['okx', 'spot'],
  bybit: ['bybit', 'spot'],
  'coinbase-exchange': ['coinbase', 'spot'],
} as const satisfies Record<string, readonly [ExchangeName, InstrumentKind]>

/** What exchanges really sent; none where the recordings are not beside the project. */
export function recordedFrames(): readonly FrameFile[] {
  return Object.entries(recordedExchanges).flatMap(([folder, [exchange, kind]]) => {
    const stream = join(recordingsFolder, folder, 'ws')
    return namesIn(stream).flatMap((channel) =>
      namesIn(join(stream, channel))
        .filter((name) => !/\.expected-|\.recv-times\./.test(name))
        .map((name) => readFrames({ exchange, kind, channel }, `${folder}/${channel}`, join(stream, channel, name))),
    )
  })
}

/** Of recorded index prices: the perpetuals that were listed, without which the command prints none. */
const indexed = ['BTC-USDT', 'WNCG-USDT', 'BTC-USDC', 'BTC-USD', 'BTC-USD_UM'].map((pair): Instrument => {
  const { base, quote, ...rest } = instrument('okx', `${pair}-SWAP`, 'perpetual')
  const [ofBase = base, ofQuote = quote] = pair.split('-')
  return { ...rest, base: ofBase, quote: ofQuote, symbol: `${pair}-PERP` }
})

/** The messages of each frame, as the command prints them. */
export function decodeFrames({ exchange, kind, channel, frames }: FrameFile): readonly (readonly Message[])[] {
  const listed = channel === 'index-tickers' ? indexed : []
  const decoder = new FrameDecoder({ exchange, kind, transport: 'ws', symbol: null, instrumentsFile: null }, listed)
  return frames.map((frame) => decoder.decode(frame))
}

/** The events of all frames; those that carry none are passed over. */
export function decodeEvents({ exchange, kind, frames }: FrameFile): readonly MarketEvent[] {
  return frames.flatMap((frame) => {
    const decoded = connectors[exchange].stream.decode(frame, kind)
    return decoded.kind === 'data' ? decoded.events : []
  })
}

/** One frame a line; files of another kind hold a single one, which may be spread over lines. */
function readFrames(about: Pick<FrameFile, 'exchange' | 'kind' | 'channel'>, folder: string, path: string): FrameFile {
  const text = readFileSync(path, 'utf8')
  const frames = path.endsWith('.ndjson') ? text.split('\n').filter((line) => line.trim() !== '') : [text]
  return { ...about, name: `${folder}/${basename(path)}`, path, frames }
}

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).toSorted() : []
}
