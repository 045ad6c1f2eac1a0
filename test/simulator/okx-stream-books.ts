/**
 * The order book channels of OKX.
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
 *
 * An update names the one before it (`prevSeqId`); after maintenance `seqId` may be smaller than that. After a minute
 * without a change, channels of updates send an empty one with both the same, channels of snapshots send the last again.
 */

import type { Instrument } from './catalogue.ts'
import { price, size } from './okx-endpoints.ts'
import { type OkxSubject, push } from './okx-stream-topics.ts'
import { bookSequenceAt, type Level, type OrderBook, readBook } from './order-book.ts'
import { type BookSubject, bookNumber, currentBook, currentChanges, lastChange, topicOfBook } from './stream-books.ts'
import type { StreamTopic } from './ws/protocol.ts'

type Sides = Pick<OrderBook, 'asks' | 'bids'>

const ALIVE_EVERY_SECONDS = 60

/** Levels a side of `books`. */
const DEPTH = 400

/** [price, size, always 0, orders]: each level is one order here, a level that is gone has none. */
const levels = (instrument: Instrument, side: readonly Level[]): string[][] =>
  side.map((level) => [price(instrument, level.price), size(instrument, level.size), '0', level.size === 0 ? '0' : '1'])

/** 400 levels, then what changes. The checksum is no longer worked out: 0. */
export const bookTopic = (subject: OkxSubject): StreamTopic => {
  const { state, instrument, arg } = subject
  const book: BookSubject = { ...subject, depth: DEPTH }
  const numberOf = (sequence: number): number => bookNumber(state, instrument, sequence)
  const pushBook = (action: 'snapshot' | 'update', sides: Sides, time: number, seqId: number, prevSeqId: number) => {
    const [asks, bids] = [levels(instrument, sides.asks), levels(instrument, sides.bids)]
    return push(arg, [{ asks, bids, ts: String(time), checksum: 0, seqId, prevSeqId }], action)
  }
  return topicOfBook(
    book,
    () => {
      const snapshot = currentBook(book)
      return pushBook('snapshot', snapshot, snapshot.time, numberOf(snapshot.sequence), -1)
    },
    () => {
      const changes = currentChanges(book)
      if (changes) {
        const { sequence, time } = changes
        return pushBook('update', changes, time, numberOf(sequence), numberOf(sequence - 1))
      }
      const last = bookSequenceAt(state.until(instrument))
      if ((bookSequenceAt(state.now()) - last) % ALIVE_EVERY_SECONDS !== 0) return undefined
      return pushBook('update', { asks: [], bids: [] }, state.now(), numberOf(last), numberOf(last))
    },
  )
}

/** `bbo-tbt` (one level) and `books5`: the whole each time that it changes. */
export const topBookTopic = (subject: OkxSubject, depth: number): StreamTopic => {
  const { state, instrument, arg } = subject
  const book: BookSubject = { ...subject, depth }
  const pushBook = ({ asks, bids, time, sequence }: OrderBook): string =>
    push(arg, [
      {
        asks: levels(instrument, asks),
        bids: levels(instrument, bids),
        instId: depth === 1 ? undefined : instrument.exchangeSymbol,
        ts: String(time),
        seqId: bookNumber(state, instrument, sequence),
      },
    ])
  return topicOfBook(
    book,
    () => pushBook(currentBook(book)),
    () => {
      const sequence = lastChange(book)
      const quiet = bookSequenceAt(state.now()) - sequence
      if (quiet % ALIVE_EVERY_SECONDS !== 0) return undefined
      return pushBook(readBook(state.market, instrument, sequence, depth))
    },
  )
}
