import { data } from './decode-frame.ts'
import { FrameScanner } from './frame-scanner.ts'
import type { StreamFrame } from './stream.ts'

/** Streams of whole books of a few levels: `btcusdt@depth5@100ms`. */
export const PARTIAL_DEPTH = /@depth\d/

/** Changes of a book as Binance writes them, read by {@link FrameScanner}; `undefined` for any other frame. */
export function scanDepth(frame: string): StreamFrame | undefined {
  const scanner = new FrameScanner(frame)
  if (!scanner.has('{"stream":"')) return undefined
  const stream = scanner.text()
  if (!scanner.has(',"data":{"e":"depthUpdate","E":') || PARTIAL_DEPTH.test(stream)) return undefined
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
