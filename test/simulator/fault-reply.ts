/** What the faults that concern both requests and streams answer or send. */

import type { Instrument } from './catalogue.ts'
import type { ExchangeState } from './exchange-state.ts'
import type { FaultOf } from './faults.ts'
import { type BookChanges, type Level, type OrderBook, readBook, readBookChanges } from './order-book.ts'
import type { ExchangeHost, Reply, Target } from './protocol.ts'

/** The answer of a status fault: what it says itself, else what the exchange says with that status. */
export const faultReply = (
  { status, body, headers, retryAfterSeconds }: FaultOf<'status'>,
  host: ExchangeHost,
): Reply => {
  const reply = host.failure(status, retryAfterSeconds)
  const retryAfter = retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) }
  const text = typeof body === 'object' ? JSON.stringify(body) : body
  return { ...reply, body: text ?? reply.body, headers: { ...reply.headers, ...retryAfter, ...headers } }
}

/** How old a snapshot is that a fault makes too old: books. */
const OLD_BY = 30
/** Which bid of a wrong snapshot is wrong, and by how many lots. */
const WRONG_LEVEL = 2
const WRONG_BY_LOTS = 12_345

/** The book of a sequence number as a snapshot gives it: over REST, or first on a stream (`target.channel` is `book`). */
export const readSnapshot = (
  state: ExchangeState,
  target: Target,
  instrument: Instrument,
  sequence: number,
  depth: number,
): OrderBook => {
  const how = state.faults.take('wrong-snapshot', target, state.now())?.how
  const book = readBook(state.market, instrument, how === 'old' ? sequence - OLD_BY : sequence, depth)
  if (how !== 'level') return book
  const wrong = ({ price, size }: Level): Level => ({ price, size: size + WRONG_BY_LOTS })
  return { ...book, bids: book.bids.map((known, index) => (index === WRONG_LEVEL ? wrong(known) : known)) }
}

/** The changes of a book as a stream gives them: crossed where a fault says so. */
export const readUpdate = (
  state: ExchangeState,
  target: Target,
  instrument: Instrument,
  sequence: number,
  depth: number,
): BookChanges => {
  const changes = readBookChanges(state.market, instrument, sequence, depth)
  if (!state.faults.take('crossed', target, state.now())) return changes
  const bestAsk = readBook(state.market, instrument, sequence, 1).asks[0]
  if (!bestAsk) return changes
  const crossing = { price: bestAsk.price + 1, size: bestAsk.size }
  // The price may have been a bid a second ago: what takes that back must not take this back, too.
  return { ...changes, bids: [crossing, ...changes.bids.filter(({ price }) => price !== crossing.price)] }
}
