import type { Answer } from '../domain/answer.ts'
import type { FeedEffect, Newest } from './feed-io.ts'
import type { MarketTopic, Probe } from './market-topic.ts'
import type { Upstream } from './upstream.ts'
import type { UpstreamSocket } from './upstream-socket.ts'
import type { UpstreamStream } from './upstream-stream.ts'

/** Trades within this time of the last one heard prove nothing: clocks differ. */
const CLOCK_TOLERANCE_MS = 1_000
/** What REST has just got may be on its way to us: the stream has this long to bring it. */
const DELIVERY_MS = 3_000
/** A question that is not answered by then will not be. */
const ANSWER_MS = 60_000
/** A socket has data if any of its streams gave some within this time. */
const FLOWING_MS = 10_000
/** Streams that speak by the clock do so far more often than this: a socket of nothing else that is silent is dead. */
const CLOCK_SILENCE_MS = 60_000
/**
 * One that speaks by the clock is dead after so long, whatever its usual pace, and though it has never spoken: funding
 * rates of OKX come every 30 to 90 s, its index prices ten times a second while they change, else once a minute. All
 * others come every few seconds.
 * https://www.okx.com/docs-v5/en/#public-data-websocket-funding-rate-channel
 * https://www.okx.com/docs-v5/en/#public-data-websocket-index-tickers-channel
 */
const CLOCK_STREAM_SILENCE_MS = 120_000
/** Where REST does not answer, a silent socket is replaced after so many questions; each time in vain, twice as many. */
const MOST_UNANSWERED = 2
const MOST_DOUBLINGS = 8
/**
 * Where others of its socket flow, a stream of which REST could not say anything so often is taken for dead: it is told
 * and asked for anew once, and no more than one a minute and socket, for most of them are only quiet.
 */
const MOST_UNANSWERED_OF_STREAM = 3
const BLINDLY_MS = 60_000
/** A stream that stays silent whatever is done is tried again less and less often. */
const FIRST_RETRY_MS = 10_000
const LONGEST_RETRY_MS = 60 * 60_000

/** What is being found out about a stream. */
interface Inquiry {
  readonly stream: UpstreamStream
  readonly since: number
  /** REST has something newer: if the stream has not brought it by then, it is stale. `null`: REST has not answered. */
  staleAt: number | null
}

/**
 * Tells silence from quiet. A silent stream is looked into over REST, one a socket at a time; only what REST proves to
 * be newer makes it stale, so that a quiet market never causes a storm. What is stale is subscribed again, then gets a
 * new socket; the socket is replaced at once where all of it is silent. What still does not help is done ever less often.
 * A socket that is silent for longer than usual is looked into by its liveliest stream, however thin each of them is.
 * Where REST does not answer, what usually speaks and does not is taken for dead in the end.
 */
export class Watch {
  readonly #upstream: Upstream
  readonly #emit: (effect: FeedEffect) => void
  readonly #inquiries = new Map<UpstreamSocket, Inquiry>()
  /** By endpoint: sockets replaced in a row without REST having said anything. */
  readonly #replacedBlindly = new Map<string, number>()

  constructor(upstream: Upstream, emit: (effect: FeedEffect) => void) {
    this.#upstream = upstream
    this.#emit = emit
  }

  tick(now: number): void {
    for (const [socket, inquiry] of this.#inquiries) this.#pursue(socket, inquiry, now)
    // Who waits longest is first: REST is asked about one at a time.
    for (const stream of [...this.#upstream.streams.values()].filter((one) => isDue(one, now)).toSorted(byDueTime))
      if (stream.socket !== null) this.#suspect(stream, stream.socket, now)
    for (const socket of this.#upstream.sockets.values()) {
      if (socket.pace.spacing === null || now < socket.pace.suspectAt()) continue
      socket.pace.quiet(now)
      const liveliest = liveliestOf(socket)
      if (liveliest !== undefined) this.#suspect(liveliest, socket, now)
    }
  }

  answered(key: string, answer: Answer<Newest>, now: number): void {
    const stream = this.#upstream.streams.get(key)
    const socket = stream?.socket
    if (stream === undefined || socket == null) return
    const inquiry = this.#inquiries.get(socket)
    if (inquiry?.stream !== stream || inquiry.staleAt !== null) return
    if (!answer.ok && answer.code === 'unknown_instrument') {
      this.#inquiries.delete(socket)
      socket.unsubscribe([stream.name])
      this.#upstream.reject(stream, answer.detail, now)
    } else if (!answer.ok) this.#noAnswer(stream, socket, now)
    else {
      socket.unanswered = stream.unanswered = 0
      this.#replacedBlindly.delete(stream.endpoint)
      const verdicts = [...stream.topics].map((topic) => isNewer(topic, answer.value, stream.pace.since))
      if (verdicts.includes(true)) inquiry.staleAt = now + DELIVERY_MS
      else {
        this.#inquiries.delete(socket)
        if (verdicts.includes(null)) stream.pace.again(now)
        else {
          stream.pace.quiet(now)
          for (const topic of stream.topics) topic.quiet()
        }
      }
    }
  }

  #pursue(socket: UpstreamSocket, { stream, since, staleAt }: Inquiry, now: number): void {
    const isElsewhere = stream.socket !== socket || this.#upstream.streams.get(stream.key) !== stream
    if (isElsewhere || stream.pace.since > since) {
      this.#inquiries.delete(socket)
      // Whatever carries it now has not been looked into.
      if (stream.pace.suspectAt() === Number.POSITIVE_INFINITY) stream.pace.again(now)
    } else if (staleAt !== null && now >= staleAt) {
      this.#inquiries.delete(socket)
      this.#stale(stream, socket, now)
    } else if (staleAt === null && now - since >= ANSWER_MS) this.#noAnswer(stream, socket, now)
  }

  #suspect(stream: UpstreamStream, socket: UpstreamSocket, now: number): void {
    const { topic, probe } = probeOf(stream)
    if (topic === undefined || probe === null) stream.pace.quiet(now)
    else if (probe === 'clock') this.#judgeByClock(stream, socket, now)
    else if (!this.#inquiries.has(socket)) {
      this.#inquiries.set(socket, { stream, since: now, staleAt: null })
      stream.pace.suspect()
      this.#emit({ kind: 'ask-newest', stream: stream.key, instrument: topic.instrument, what: probe })
    }
  }

  /** Its silence is the proof: nothing has to be asked. One that its topics can do without may not exist at all. */
  #judgeByClock(stream: UpstreamStream, socket: UpstreamSocket, now: number): void {
    const { pace, dataAt, isOptional } = stream
    const isExpected = dataAt !== null || !isOptional
    const isDead = isExpected && now - pace.since >= CLOCK_STREAM_SILENCE_MS
    if (isDead || isSilent(socket, CLOCK_SILENCE_MS, now)) this.#stale(stream, socket, now)
    else if (isExpected) pace.again(now)
    else pace.quiet(now)
  }

  #stale(stream: UpstreamStream, socket: UpstreamSocket, now: number): void {
    stream.pace.stale(now)
    stream.retries += 1
    const isAllSilent = isSilent(socket, FLOWING_MS, now)
    for (const topic of isAllSilent ? topicsOf(socket) : stream.topics) topic.stale(now)
    if (isAllSilent) this.#upstream.abandon(socket, 'silent', now)
    else if (stream.retries === 2) {
      // It is tried for all of them that stay silent at once, not for each in its turn.
      for (const other of socket.streams.values()) if (other.retries === 1) other.retries = 2
      this.#upstream.abandon(socket, `${stream.name} stays silent`, now)
    } else this.#upstream.resubscribe(stream, now)
  }

  #noAnswer(stream: UpstreamStream, socket: UpstreamSocket, now: number): void {
    this.#inquiries.delete(socket)
    stream.pace.again(now)
    socket.unanswered += 1
    stream.unanswered += 1
    if (!isSilent(socket, FLOWING_MS, now)) {
      this.#replacedBlindly.delete(stream.endpoint)
      this.#giveUp(stream, socket, now)
      return
    }
    const replaced = this.#replacedBlindly.get(stream.endpoint) ?? 0
    if (socket.unanswered < MOST_UNANSWERED * 2 ** Math.min(MOST_DOUBLINGS, replaced)) return
    this.#replacedBlindly.set(stream.endpoint, replaced + 1)
    for (const topic of topicsOf(socket)) topic.stale(now)
    this.#upstream.abandon(socket, 'silent, and REST does not answer', now)
  }

  /** REST does not say whether a stream is dead, and others of its socket flow: one that usually speaks is asked for anew. */
  #giveUp(stream: UpstreamStream, socket: UpstreamSocket, now: number): void {
    const isHopeless = stream.pace.spacing !== null && stream.unanswered >= MOST_UNANSWERED_OF_STREAM
    if (!isHopeless || stream.retries > 0 || now - socket.renewedBlindlyAt < BLINDLY_MS) return
    socket.renewedBlindlyAt = now
    this.#stale(stream, socket, now)
  }
}

function isDue({ socket, pace, isSignOfLife, retries }: UpstreamStream, now: number): boolean {
  return socket?.openedAt != null && !isSignOfLife && now >= pace.suspectAt() + retryDelay(retries)
}

function byDueTime(a: UpstreamStream, b: UpstreamStream): number {
  return a.pace.suspectAt() - b.pace.suspectAt()
}

/** The first of its topics of which REST can say something. */
function probeOf({ topics }: UpstreamStream): { readonly topic?: MarketTopic; readonly probe: Probe | null } {
  let clock: MarketTopic | undefined
  for (const topic of topics) {
    if (topic.probe === 'clock') clock = topic
    else if (topic.probe !== null) return { topic, probe: topic.probe }
  }
  return clock === undefined ? { probe: null } : { topic: clock, probe: 'clock' }
}

/** The stream that usually has data most often, of those whose silence can be judged and was not found to be a fault. */
function liveliestOf({ streams }: UpstreamSocket): UpstreamStream | undefined {
  const spacingOf = ({ pace }: UpstreamStream) => pace.spacing ?? Number.POSITIVE_INFINITY
  return [...streams.values()]
    .filter((stream) => !stream.isSignOfLife && stream.retries === 0 && probeOf(stream).probe !== null)
    .toSorted((a, b) => spacingOf(a) - spacingOf(b))[0]
}

function topicsOf({ streams }: UpstreamSocket): ReadonlySet<MarketTopic> {
  return new Set([...streams.values()].flatMap(({ topics }) => [...topics]))
}

function isSilent({ lastDataAt }: UpstreamSocket, ms: number, now: number): boolean {
  return lastDataAt === null || now - lastDataAt >= ms
}

/** How much longer than usual is waited, after what has been done in vain. */
function retryDelay(retries: number): number {
  return retries < 2 ? 0 : Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** retries)
}

/**
 * @param since when the stream was last heard, or subscribed
 * @returns `null` where another answer is needed to say it
 */
function isNewer(topic: MarketTopic, newest: Newest, since: number): boolean | null {
  if (newest.what === 'trade')
    return newest.time !== null && newest.time > Math.max(topic.dataTime ?? 0, since) + CLOCK_TOLERANCE_MS
  return topic.isBehind(newest, since)
}
