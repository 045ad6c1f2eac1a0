/** The topics that every exchange has: a frame for each trade, or one each so many simulated seconds. */

import type { Instrument } from '../catalogue.ts'
import type { ExchangeState } from '../exchange-state.ts'
import type { Trade } from '../trade-tape.ts'
import type { StreamTarget, StreamTopic, TimedFrame } from './protocol.ts'

export const SECOND_MS = 1000
const NOTHING: readonly string[] = []

interface TopicOptions {
  readonly state: ExchangeState
  readonly instrument: Instrument
  readonly key: string
  readonly target: StreamTarget
  /** What a new subscriber gets first; `state.now()` is then the moment up to which all has been sent. */
  readonly first?: (at: number) => readonly string[]
}

/** A frame (or none) for each trade, at its time. */
export const topicOfTrades = (options: TopicOptions, spell: (trade: Trade) => string | undefined): StreamTopic =>
  topicOf(options, (after, until) => {
    const { state, instrument } = options
    const tape = state.market.tape(instrument)
    const firstId = tape.lastId(after) + 1
    const end = Math.min(until, state.listings.delistedAt(instrument))
    if (end <= after) return []
    const trades = tape.from(firstId, Number.MAX_SAFE_INTEGER, end)
    return framesOf(state, trades, ({ time }) => time, spell)
  })

/**
 * Frames of whole simulated seconds: every `everySeconds`, at seconds that divide by it, while the instrument trades.
 *
 * @param spell gets the second, ms UTC; `state.now()` is that second while it runs
 */
export const topicOfSeconds = (
  options: TopicOptions,
  spell: (time: number) => string | undefined,
  everySeconds = 1,
): StreamTopic =>
  topicOf(options, (after, until) => {
    const { state, instrument } = options
    const step = everySeconds * SECOND_MS
    const times: number[] = []
    // The second in which trading ends is the last: it closes the candle.
    const end = Math.min(until, state.listings.delistedAt(instrument) + 1)
    for (let time = Math.ceil(after / step) * step; time < end; time += step) times.push(time)
    return framesOf(state, times, (time) => time, spell)
  })

const topicOf = ({ state, key, target, first }: TopicOptions, due: StreamTopic['due']): StreamTopic => ({
  key,
  target,
  first: first ? (at) => state.atMoment(at, () => first(at)) : () => NOTHING,
  due,
})

const framesOf = <Item>(
  state: ExchangeState,
  items: readonly Item[],
  timeOf: (item: Item) => number,
  spell: (item: Item) => string | undefined,
): TimedFrame[] => {
  const frames: TimedFrame[] = []
  for (const item of items) {
    const time = timeOf(item)
    const text = state.atMoment(time, () => spell(item))
    if (text !== undefined) frames.push({ time, text })
  }
  return frames
}
