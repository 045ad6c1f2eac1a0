import { data } from './decode-frame.ts'
import { FrameScanner } from './frame-scanner.ts'
import type { StreamFrame } from './stream.ts'

/** One level is no book but its best prices; `orderbook.rpi` has other columns. */
const BOOK = /^(?:[2-9]|\d{2,})\./

/** A change of a book as Bybit writes it, read by {@link FrameScanner}; `undefined` for any other frame. */
export function scanUpdate(frame: string): StreamFrame | undefined {
  const scanner = new FrameScanner(frame)
  if (!scanner.has('{"topic":"orderbook.')) return undefined
  const subject = scanner.text()
  if (!BOOK.test(subject)) return undefined
  // Spot says the time first.
  const isTyped = scanner.has(',"type":"delta"')
  scanner.skip(',"ts":')
  const exchangeTime = scanner.counter()
  if (!isTyped && !scanner.has(',"type":"delta"')) return undefined
  scanner.skip(',"data":{"s":"')
  const exchangeSymbol = scanner.text()
  scanner.skip(',"b":')
  const bids = scanner.levels()
  scanner.skip(',"a":')
  const asks = scanner.levels()
  scanner.skip(',"u":')
  const sequence = scanner.counter()
  scanner.skip(',"seq":')
  scanner.skipInteger()
  scanner.skip('}')
  if (scanner.has(',"cts":')) scanner.skipInteger()
  scanner.skip('}')
  if (!scanner.isDone) return undefined
  const counters = { firstSequence: null, prevSequence: null, sequence }
  return data(`orderbook.${subject}`, [
    { channel: 'book', exchangeSymbol, exchangeTime, kind: 'update', ...counters, bids, asks },
  ])
}
