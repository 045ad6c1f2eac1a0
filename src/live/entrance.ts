import type { StreamEndpoint, StreamLimits } from '../exchanges/stream.ts'
import { backoffMs } from './backoff.ts'

/** After this long a socket counts as sound: the next failure is a first one. */
const SOUND_MS = 60_000
/** A region that is not served today may be tomorrow. */
const GEO_BLOCK_RETRY_MS = 5 * 60_000
const GEO_BLOCK_STATUS: ReadonlySet<number> = new Set([403, 451])

/** The way in at one endpoint: when the next socket may be opened there. Times are ms by our clock. */
export class Entrance {
  readonly endpoint: StreamEndpoint
  readonly url: string
  /** Not before this, after failures. */
  retryAt = Number.NEGATIVE_INFINITY
  /** The last upgrade was refused to this region. */
  isGeoBlocked = false
  readonly #limit: StreamLimits['connects']
  /** When sockets were opened lately, oldest first. */
  readonly #connects: number[] = []
  #failures = 0
  #failedAt = Number.NEGATIVE_INFINITY

  constructor(endpoint: StreamEndpoint, baseUrl: string, limit: StreamLimits['connects']) {
    this.endpoint = endpoint
    this.url = baseUrl + endpoint.path
    this.#limit = limit
  }

  mayConnect(now: number): boolean {
    const { limit, windowMs } = this.#limit
    const oldest = this.#connects[this.#connects.length - limit]
    return now >= this.retryAt && (oldest === undefined || now - oldest >= windowMs)
  }

  connecting(now: number): void {
    this.#connects.push(now)
    if (this.#connects.length > this.#limit.limit) this.#connects.shift()
  }

  /** @param status of the refused upgrade; `null` where there was no answer */
  refused(status: number | null): void {
    this.isGeoBlocked = status !== null && GEO_BLOCK_STATUS.has(status)
  }

  /** A socket was refused, lost or given up. */
  failed(now: number, retryAfterMs: number | null, random: () => number): void {
    const wait = backoffMs(this.#failures++, random, retryAfterMs)
    this.#failedAt = now
    this.retryAt = Math.max(this.retryAt, now + (this.isGeoBlocked ? Math.max(GEO_BLOCK_RETRY_MS, wait) : wait))
  }

  /** A socket that has data is this old: one that was opened before the last failure says nothing of it. */
  works(openedAt: number, now: number): void {
    if (openedAt >= this.#failedAt && now - openedAt > SOUND_MS) this.#failures = 0
  }
}
