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
const FORBIDDEN_BAN_MS = 10 * 60_000
/**
 * Where the exchange does not say how long: its limits are counted by up to a minute, and its shortest ban is of two.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
 */
const TOO_MANY_REQUESTS_MS = 60_000
const BANNED_MS = 2 * 60_000
const TOO_MANY_REQUESTS = 429
const BANNED = 418

/** One address of the exchange: it counts what we do at all of its paths together. Times are ms by our clock. */
export class Host {
  readonly baseUrl: string
  /** It has let us in, so that a later 403 is not about the region. */
  hasServed = false
  /** Messages that it counts over all sockets together. */
  readonly messages: MessageMeter
  /** None of its paths may be asked before this: it has told one of them to wait. */
  bannedUntil = Number.NEGATIVE_INFINITY
  readonly #limit: StreamLimits['connects']
  /** When sockets were opened lately, oldest first. */
  readonly #connects: number[] = []

  constructor(baseUrl: string, { connects, messages }: StreamLimits) {
    this.baseUrl = baseUrl
    this.#limit = connects
    this.messages = new MessageMeter(messages.filter(({ per }) => per === 'address'))
  }

  mayConnect(now: number): boolean {
    if (now < this.bannedUntil) return false
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
  /** Not before this, after failures of its own. */
  #ownRetryAt = Number.NEGATIVE_INFINITY
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

  /** Not before this, after failures, ms. */
  get retryAt(): number {
    return Math.max(this.#ownRetryAt, this.#host.bannedUntil)
  }

  mayConnect(now: number): boolean {
    return now >= this.#ownRetryAt && this.#host.mayConnect(now)
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
   * let in before: then we were too fast. The host counts us, not the path: its other paths wait as well.
   * @param status `null` where there was no answer
   */
  refused(status: number | null, retryAfterMs: number | null, now: number): void {
    const isForbidden = status === FORBIDDEN
    this.isBanned = isForbidden && (retryAfterMs !== null || this.#host.hasServed)
    this.isGeoBlocked = status === UNAVAILABLE_FOR_LEGAL_REASONS || (isForbidden && !this.isBanned)
    const banMs = this.isBanned ? Math.max(FORBIDDEN_BAN_MS, retryAfterMs ?? 0) : banOf(status, retryAfterMs)
    this.#host.bannedUntil = Math.max(this.#host.bannedUntil, now + banMs)
  }

  /**
   * A socket was refused, lost or given up. Those that were opened before the last failure and are lost before the next
   * attempt are part of the same outage: it counts once, however many sockets it takes.
   * @param connectedAt when the socket was begun to be opened
   */
  failed(connectedAt: number, now: number, retryAfterMs: number | null, random: () => number): void {
    const isSameOutage = now <= this.#ownRetryAt && connectedAt < this.#failedAt
    const wait = isSameOutage ? (retryAfterMs ?? 0) : backoffMs(this.#failures++, random, retryAfterMs)
    this.#failedAt = now
    this.#ownRetryAt = Math.max(this.#ownRetryAt, now + Math.max(wait, this.#leastWait))
  }

  /** A socket that has data is this old: one that was opened before the last failure says nothing of it. */
  works(openedAt: number, now: number): void {
    if (openedAt >= this.#failedAt && now - openedAt > SOUND_MS) this.#failures = 0
  }

  get #leastWait(): number {
    return this.isGeoBlocked ? GEO_BLOCK_RETRY_MS : 0
  }
}

/** How long the host wants to hear nothing, ms. */
function banOf(status: number | null, retryAfterMs: number | null): number {
  if (status === TOO_MANY_REQUESTS) return retryAfterMs ?? TOO_MANY_REQUESTS_MS
  return status === BANNED ? (retryAfterMs ?? BANNED_MS) : 0
}
