import { data } from './decode-frame.ts'
import { FrameScanner } from './frame-scanner.ts'
import type { StreamFrame } from './stream.ts'

/** An update of `books` as OKX writes it, read by {@link FrameScanner}; `undefined` for any other frame. */
export function scanUpdate(frame: string): StreamFrame | undefined {
  const scanner = new FrameScanner(frame)
  if (!scanner.has('{"arg":{"channel":"books","instId":"')) return undefined
  const exchangeSymbol = scanner.text()
  if (!scanner.has('},"action":"update","data":[{"asks":')) return undefined
  const asks = scanner.levels()
  scanner.skip(',"bids":')
  const bids = scanner.levels()
  scanner.skip(',"ts":"')
  const exchangeTime = scanner.counter()
  scanner.skip('","checksum":')
  scanner.skipInteger()
  scanner.skip(',"seqId":')
  const sequence = scanner.counter()
  scanner.skip(',"prevSeqId":')
  const prevSequence = scanner.counter()
  scanner.skip('}]}')
  if (!scanner.isDone) return undefined
  const rest = { kind: 'update', firstSequence: null, prevSequence, sequence, bids, asks } as const
  return data(`books:${exchangeSymbol}`, [{ channel: 'book', exchangeSymbol, exchangeTime, ...rest }])
}
