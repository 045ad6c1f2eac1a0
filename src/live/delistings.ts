import type { Ended } from './feed-io.ts'
import type { FeedTopics } from './feed-topics.ts'
import type { MarketTopic } from './market-topic.ts'
import type { Upstream } from './upstream.ts'
import type { UpstreamStream } from './upstream-stream.ts'

const DELISTED = 'delisted'
/** What has given data within this time goes on, whatever the exchange's list says of it: clients miss nothing. */
const SILENT_MS = 30_000

/**
 * What the exchange's list of instruments says to those who wait for one that has ended: most exchanges keep its streams
 * open and send nothing, and REST has nothing newer, so that it would count as quiet for ever.
 */
export class Delistings {
  readonly #upstream: Upstream
  readonly #topics: FeedTopics
  /** Those of what has ended: they are not tried again before the list names their instrument again. */
  readonly #endedStreams = new Set<UpstreamStream>()

  constructor(upstream: Upstream, topics: FeedTopics) {
    this.#upstream = upstream
    this.#topics = topics
  }

  /** @param ended all that are followed and do not trade any more */
  take(ended: readonly Ended[], now: number): void {
    for (const { id, successor } of ended) if (successor !== null) this.#topics.replace(id, successor, now)
    const ids = new Set(ended.filter(({ successor }) => successor === null).map(({ id }) => id))
    this.#revive(ids, now)
    for (const topic of this.#topics.all) {
      if (!isOver(topic, ids, now)) continue
      for (const stream of topic.streams) {
        const isShared = [...stream.topics].some((other) => !isOver(other, ids, now))
        if (!isShared && !this.#endedStreams.has(stream)) this.#end(stream, now)
      }
    }
  }

  #end(stream: UpstreamStream, now: number): void {
    for (const socket of [stream.socket, stream.successor]) socket?.unsubscribe([stream.name])
    // The exchange itself may have refused it by now, and its clients have heard of that.
    if (stream.state !== 'rejected') this.#upstream.reject(stream, DELISTED, now)
    stream.retryAt = Number.POSITIVE_INFINITY
    this.#endedStreams.add(stream)
  }

  /** What is listed again is asked for again; if it ends once more, that is told once more. */
  #revive(ended: ReadonlySet<number>, now: number): void {
    for (const stream of this.#endedStreams) {
      const isStill = [...stream.topics].every(({ instrument }) => ended.has(instrument.id))
      // Dropped since, or asked for again because the feed was started anew.
      const isGone = this.#upstream.streams.get(stream.key) !== stream || stream.state !== 'rejected'
      if (!isGone && isStill) continue
      this.#endedStreams.delete(stream)
      if (isGone) continue
      stream.rejections = 0
      stream.retryAt = now
    }
  }
}

function isOver({ instrument, streams }: MarketTopic, ended: ReadonlySet<number>, now: number): boolean {
  if (!ended.has(instrument.id)) return false
  const telling = streams.filter(({ isSignOfLife }) => !isSignOfLife)
  return telling.every(({ state, pace }) => state === 'rejected' || now - pace.since >= SILENT_MS)
}
