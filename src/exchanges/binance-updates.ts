import { data } from './decode-frame.ts'
import { FrameScanner } from './frame-scanner.ts'
import type { StreamFrame } from './stream.ts'

/** Streams of the changes of a book, and of whole books of a few levels; not those of `rpiDepth`, which have more. */
const DEPTH = /^[^@!][^@]*@depth(?:@\d+ms)?$/
export const PARTIAL_DEPTH = /@depth\d+(?:@\d+ms)?$/

/** What stands behind a symbol, or a `!`, in the names of the streams that are read here. */
const OURS =
  /^(?:[^@!][^@]*@(?:aggTrade|trade|ticker|bookTicker|forceOrder|depth\d*(?:@\d+ms)?|kline_[^@]+|markPrice(?:@1s)?)|!(?:bookTicker|(?:ticker|markPrice|forceOrder)@arr(?:@1s)?))$/

/**
 * Whether a stream is none of those that are read here, though its payloads may look alike: `rpiDepth` adds orders that
 * not everybody can meet, `kline_1d@+08:00` has days of another clock.
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Rpi-Diff-Book-Depth-Streams
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#klinecandlestick-streams-with-timezone-offset
 */
export function isOtherStream(name: string): boolean {
  return /[@!]/.test(name) && !OURS.test(name)
}

/** Changes of a book as Binance writes them, read by {@link FrameScanner}; `undefined` for any other frame. */
export function scanDepth(frame: string): StreamFrame | undefined {
  const scanner = new FrameScanner(frame)
  if (!scanner.has('{"stream":"')) return undefined
  const stream = scanner.text()
  if (!scanner.has(',"data":{"e":"depthUpdate","E":') || !DEPTH.test(stream)) return undefined
  const exchangeTime = scanner.counter()
  if (scanner.has(',"T":')) scanner.skipInteger()
  scanner.skip(',"s":"')
  const exchangeSymbol = scanner.text()
  skipMarket(scanner)
  scanner.skip(',"U":')
  const firstSequence = scanner.counter()
  scanner.skip(',"u":')
  const sequence = scanner.counter()
  const prevSequence = scanner.has(',"pu":') ? scanner.counter() : null
  scanner.skip(',"b":')
  const bids = scanner.levels()
  scanner.skip(',"a":')
  const asks = scanner.levels()
  skipMarket(scanner)
  scanner.skip('}}')
  if (!scanner.isDone) return undefined
  const rest = { kind: 'update', firstSequence, prevSequence, sequence, bids, asks } as const
  return data(stream, [{ channel: 'book', exchangeSymbol, exchangeTime, ...rest }])
}

/**
 * USD-M says since 2026 of which pair and of which market a symbol is: `"ps":"BTCUSDT","st":1`, behind the symbol or at
 * the end. Frames of another market than 1 are left to `decodeFrame`.
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Diff-Book-Depth-Streams
 */
function skipMarket(scanner: FrameScanner): void {
  if (scanner.has(',"ps":"')) scanner.text()
  scanner.has(',"st":1')
}
