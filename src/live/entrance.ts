import type { StreamEndpoint, StreamLimits } from '../exchanges/stream.ts'
import { backoffMs } from './backoff.ts'
import { MessageMeter } from './message-meter.ts'

/** After this long a socket counts as sound: the next failure is a first one. */
const SOUND_MS = 60_000
/** A region that is not served today may be tomorrow. */
const GEO_BLOCK_RETRY_MS = 5 * 60_000
const FORBIDDEN = 403
const UNAVAILABLE_FOR_LEGAL_REASONS = 451
/** Whoever was too fast at Bybit is let in again after this. https://bybit-exchange.github.io/docs/v5/rate-limit */
const BAN_MS = 10 * 60_000

/** One address of the exchange: it counts what we do at all of its paths together. Times are ms by our clock. */
export class Host {
  readonly baseUrl: string
  /** It has let us in, so that a later 403 is not about the region. */
  hasServed = false
  /** Messages that it counts over all sockets together. */
  readonly messages: MessageMeter
  readonly #limit: StreamLimits['connects']
  /** When sockets were opened lately, oldest first. */
  readonly #connects: number[] = []

  constructor(baseUrl: string, { connects, messages }: StreamLimits) {
    this.baseUrl = baseUrl
    this.#limit = connects
    this.messages = new MessageMeter(messages.filter(({ per }) => per === 'address'))
  }

  mayConnect(now: number): boolean {
    const { limit, windowMs } = this.#limit
    const oldest = this.#connects[this.#connects.length - limit]
    return oldest === undefined || now - oldest >= windowMs
  }

  connecting(now: number): void {
    this.#connects.push(now)
    if (this.#connects.length > this.#limit.limit) this.#connects.shift()
  }
}

/** The way in at one endpoint: when the next socket may be opened there. Times are ms by our clock. */
export class Entrance {
  readonly endpoint: StreamEndpoint
  readonly url: string
  /** Not before this, after failures. */
  retryAt = Number.NEGATIVE_INFINITY
  /** The last upgrade was refused to this region. */
  isGeoBlocked = false
  /** The last upgrade was refused because we were too fast. */
  isBanned = false
  readonly #host: Host
  #failures = 0
  #failedAt = Number.NEGATIVE_INFINITY

  constructor(endpoint: StreamEndpoint, host: Host) {
    this.endpoint = endpoint
    this.url = host.baseUrl + endpoint.path
    this.#host = host
  }

  /** Messages that are counted over all sockets of the address. */
  get messages(): MessageMeter {
    return this.#host.messages
  }

  mayConnect(now: number): boolean {
    return now >= this.retryAt && this.#host.mayConnect(now)
  }

  connecting(now: number): void {
    this.#host.connecting(now)
  }

  opened(): void {
    this.isGeoBlocked = this.isBanned = false
    this.#host.hasServed = true
  }

  /**
   * An upgrade was refused. A 403 is about the region, unless it says when to return or comes from where we were
   * let in before: then we were too fast.
   * @param status `null` where there was no answer
   */
  refused(status: number | null, retryAfterMs: number | null): void {
    const isForbidden = status === FORBIDDEN
    this.isBanned = isForbidden && (retryAfterMs !== null || this.#host.hasServed)
    this.isGeoBlocked = status === UNAVAILABLE_FOR_LEGAL_REASONS || (isForbidden && !this.isBanned)
  }

  /** A socket was refused, lost or given up. */
  failed(now: number, retryAfterMs: number | null, random: () => number): void {
    const wait = backoffMs(this.#failures++, random, retryAfterMs)
    this.#failedAt = now
    this.retryAt = Math.max(this.retryAt, now + Math.max(wait, this.#leastWait))
  }

  /** A socket that has data is this old: one that was opened before the last failure says nothing of it. */
  works(openedAt: number, now: number): void {
    if (openedAt >= this.#failedAt && now - openedAt > SOUND_MS) this.#failures = 0
  }

  get #leastWait(): number {
    if (this.isBanned) return BAN_MS
    return this.isGeoBlocked ? GEO_BLOCK_RETRY_MS : 0
  }
}
