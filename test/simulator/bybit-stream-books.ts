/**
 * The order book topics of Bybit.
 * https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook
 *
 * A snapshot, then deltas, each with the `u` after that of the one before. After a restart of the service a snapshot
 * with `u` 1 comes in between.
 */

import { price, size } from './bybit-endpoints.ts'
import { type BybitSubject, push } from './bybit-stream-topics.ts'
import { bookSequenceAt, type OrderBook, readBook } from './order-book.ts'
import {
  type BookSubject,
  bookNumber,
  currentBook,
  currentChanges,
  isRestart,
  lastChange,
  topicOfBook,
} from './stream-books.ts'
import type { StreamTopic } from './ws/protocol.ts'

/** Levels a side: https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook */
export const BOOK_DEPTHS: readonly number[] = [1, 50, 200, 1000]

/** So long after the last change the best prices are sent again, with the same `u`. */
const REPEATED_EVERY_SECONDS = 3

export const bookTopic = (subject: BybitSubject, depth: number): StreamTopic =>
  depth === 1 ? bestTopic(subject) : deepTopic({ ...subject, depth })

const deepTopic = (book: BookSubject): StreamTopic =>
  topicOfBook(
    book,
    () => pushBook(book, 'snapshot', currentBook(book)),
    () => {
      const changes = currentChanges(book)
      if (!changes) return undefined
      return isRestart(book.state, book.instrument, changes.sequence)
        ? pushBook(book, 'snapshot', currentBook(book))
        : pushBook(book, 'delta', changes)
    },
  )

/** Both best prices whenever one of them changes, so that `u` jumps, and again while none does. */
const bestTopic = (subject: BybitSubject): StreamTopic => {
  const { state, instrument } = subject
  const book: BookSubject = { ...subject, depth: 1 }
  return topicOfBook(
    book,
    () => pushBook(book, 'snapshot', { ...currentBook(book), sequence: lastChange(book) }),
    () => {
      const sequence = lastChange(book)
      const quiet = bookSequenceAt(state.now()) - sequence
      if (quiet % REPEATED_EVERY_SECONDS !== 0) return undefined
      return pushBook(book, 'snapshot', readBook(state.market, instrument, sequence, 1))
    },
  )
}

const pushBook = (
  { state, instrument, key }: BookSubject,
  type: 'snapshot' | 'delta',
  { bids, asks, sequence, time }: OrderBook,
): string => {
  const levels = (side: OrderBook['bids']): string[][] =>
    side.map((level) => [price(instrument, level.price), size(instrument, level.size)])
  const u = bookNumber(state, instrument, sequence)
  const data = { s: instrument.exchangeSymbol, b: levels(bids), a: levels(asks), u, seq: sequence * 10 }
  return push(key, type, state.now(), data, { cts: time })
}
