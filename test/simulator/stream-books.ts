/** What the streamed books of OKX and Bybit have in common: both begin with a snapshot and number their books. */

import type { Instrument } from './catalogue.ts'
import type { ExchangeState } from './exchange-state.ts'
import { readSnapshot, readUpdate } from './fault-reply.ts'
import { type BookChanges, bookSequenceAt, type OrderBook, readBookChanges } from './order-book.ts'
import type { StreamTarget, StreamTopic, TimedFrame } from './ws/protocol.ts'
import { SECOND_MS } from './ws/topics.ts'

export interface BookSubject {
  readonly state: ExchangeState
  readonly instrument: Instrument
  readonly key: string
  readonly target: StreamTarget
  /** Levels a side. */
  readonly depth: number
}

/** The sequence of the book as of `state.now()`: the last one, once trading has ended. */
const currentSequence = ({ state, instrument }: BookSubject): number => bookSequenceAt(state.until(instrument))

/** The book as of `state.now()`. */
export const currentBook = (subject: BookSubject): OrderBook =>
  readSnapshot(subject.state, subject.target, subject.instrument, currentSequence(subject), subject.depth)

/** What the second `state.now()` has changed; undefined once trading has ended. */
export const currentChanges = (subject: BookSubject): BookChanges | undefined => {
  const sequence = currentSequence(subject)
  return sequence < bookSequenceAt(subject.state.now())
    ? undefined
    : readUpdate(subject.state, subject.target, subject.instrument, sequence, subject.depth)
}

/** The sequence of the last book up to `state.now()` that differs from the one before it, or is numbered anew. */
export const lastChange = (subject: BookSubject): number => {
  const { state, instrument, depth } = subject
  let sequence = currentSequence(subject)
  while (!isRestart(state, instrument, sequence)) {
    const { bids, asks } = readBookChanges(state.market, instrument, sequence, depth)
    if (bids.length + asks.length > 0) break
    sequence--
  }
  return sequence
}

/**
 * A topic that may have something to say every second, even when trading has ended.
 *
 * @param first what a new subscriber gets; `spell` what a second brings: `state.now()` is that moment in both
 */
export const topicOfBook = (
  subject: BookSubject,
  first: () => string,
  spell: () => string | undefined,
): StreamTopic => {
  const { state, key, target } = subject
  return {
    key,
    target,
    first: (at) => state.atMoment(at, () => [first()]),
    due: (after, until) => {
      takeRestart(subject, until)
      const frames: TimedFrame[] = []
      for (let time = Math.ceil(after / SECOND_MS) * SECOND_MS; time < until; time += SECOND_MS) {
        const text = state.atMoment(time, spell)
        if (text !== undefined) frames.push({ time, text })
      }
      return frames
    },
  }
}

/** What has been sent keeps its number: all topics of the instrument count anew from the first book that has not been. */
const takeRestart = ({ state, instrument, target }: BookSubject, until: number): void => {
  if (!state.faults.take('restart', target, until)) return
  const restarts = state.bookRestarts.get(instrument) ?? []
  state.bookRestarts.set(instrument, [...restarts, bookSequenceAt(until - 1) + 1])
}

/** The number that the exchange gives a book: its sequence, or counted from 1 since the exchange has started anew. */
export const bookNumber = (state: ExchangeState, instrument: Instrument, sequence: number): number => {
  const restart = state.bookRestarts.get(instrument)?.findLast((known) => known <= sequence)
  return restart === undefined ? sequence : sequence - restart + 1
}

/** Whether the numbers begin anew with this book. */
export const isRestart = (state: ExchangeState, instrument: Instrument, sequence: number): boolean =>
  state.bookRestarts.get(instrument)?.includes(sequence) ?? false
