import type { Answer } from '../domain/answer.ts'
import type { FeedEffect, Newest } from './feed-io.ts'
import type { MarketTopic } from './market-topic.ts'
import type { Upstream } from './upstream.ts'
import type { UpstreamSocket } from './upstream-socket.ts'
import type { UpstreamStream } from './upstream-stream.ts'

/** Trades within this time of the last one heard prove nothing: clocks differ. */
const CLOCK_TOLERANCE_MS = 1_000
/** A socket has data if any of its streams gave some within this time. */
const FLOWING_MS = 10_000
/** Where REST does not answer, a silent socket is replaced after so many questions. */
const MOST_UNANSWERED = 2

/**
 * Tells silence from quiet. A silent stream is looked into over REST, one a socket at a time; only what REST proves to
 * be newer makes it stale, so that a quiet market never causes a storm.
 */
export class Watch {
  readonly #upstream: Upstream
  readonly #emit: (effect: FeedEffect) => void
  /** The stream that is being looked into, by socket. */
  readonly #asking = new Map<UpstreamSocket, UpstreamStream>()
  readonly #unanswered = new Map<UpstreamSocket, number>()

  constructor(upstream: Upstream, emit: (effect: FeedEffect) => void) {
    this.#upstream = upstream
    this.#emit = emit
  }

  tick(now: number): void {
    for (const [socket, stream] of this.#asking) if (stream.socket !== socket) this.#asking.delete(socket)
    for (const socket of this.#unanswered.keys())
      if (!this.#upstream.sockets.has(socket.id)) this.#unanswered.delete(socket)
    for (const stream of this.#upstream.streams.values()) {
      const { socket } = stream
      if (socket?.openedAt == null || now < stream.pace.suspectAt()) continue
      this.#suspect(stream, socket, now)
    }
  }

  #suspect(stream: UpstreamStream, socket: UpstreamSocket, now: number): void {
    const [topic] = stream.topics
    const what = topic?.probe ?? null
    if (topic === undefined || what === null) {
      stream.pace.quiet(now)
      return
    }
    if (this.#asking.has(socket)) return
    this.#asking.set(socket, stream)
    stream.pace.suspect()
    this.#emit({ kind: 'ask-newest', stream: stream.key, instrument: topic.instrument, what })
  }

  answered(key: string, answer: Answer<Newest>, now: number): void {
    const stream = this.#upstream.streams.get(key)
    const socket = stream?.socket
    if (stream === undefined || socket == null || this.#asking.get(socket) !== stream) return
    this.#asking.delete(socket)
    // Data that came meanwhile has settled it.
    if (stream.pace.state === 'live') return
    if (!answer.ok) {
      this.#noAnswer(stream, socket, now)
      return
    }
    this.#unanswered.delete(socket)
    if (![...stream.topics].some((topic) => isNewer(topic, answer.value, stream.pace.since))) {
      stream.pace.quiet(now)
      return
    }
    const isSocketSilent = socket.lastDataAt === null || now - socket.lastDataAt >= FLOWING_MS
    const isHopeless = stream.retries > 0
    stream.pace.stale(now)
    if (isSocketSilent || isHopeless) {
      for (const carried of socket.streams) for (const topic of carried.topics) topic.stale(now)
      this.#upstream.abandon(socket, isSocketSilent ? 'silent' : `${stream.name} stays silent`, now)
      return
    }
    for (const topic of stream.topics) topic.stale(now)
    this.#upstream.resubscribe(stream)
  }

  #noAnswer(stream: UpstreamStream, socket: UpstreamSocket, now: number): void {
    stream.pace.again(now)
    const unanswered = (this.#unanswered.get(socket) ?? 0) + 1
    this.#unanswered.set(socket, unanswered)
    const isSilent = socket.lastDataAt === null || now - socket.lastDataAt >= FLOWING_MS
    if (!isSilent || unanswered < MOST_UNANSWERED) return
    for (const carried of socket.streams) for (const topic of carried.topics) topic.stale(now)
    this.#upstream.abandon(socket, 'silent, and REST does not answer', now)
  }
}

/** @param since when the stream was last heard, or subscribed */
function isNewer(topic: MarketTopic, newest: Newest, since: number): boolean {
  if (newest.what === 'trade')
    return newest.time !== null && newest.time > (topic.dataTime ?? since) + CLOCK_TOLERANCE_MS
  const best = topic.best()
  return best === null || best.bid !== newest.bid || best.ask !== newest.ask
}
