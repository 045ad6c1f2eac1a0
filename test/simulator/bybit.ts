/** Simulated Bybit: one host. Limits: https://bybit-exchange.github.io/docs/v5/rate-limit */

import { BYBIT_ENDPOINTS, BYBIT_INTERVALS } from './bybit-endpoints.ts'
import type { ExchangeState } from './exchange-state.ts'
import {
  type Admission,
  cloudFrontPage,
  type ExchangeHost,
  type ExchangeRequest,
  json,
  proxyPage,
  type Reply,
  type Target,
} from './protocol.ts'
import { BanList, SlidingBudget } from './rate-limits.ts'

/** Requests of an address in any 5 seconds. */
const LIMIT = 600
const WINDOW_MS = 5000
/**
 * "Too many visits!" (10006) comes first. How many more it takes until the address is banned is not published; the
 * ban itself is: 403, at least 10 minutes.
 */
const TOLERATED_AFTER_10006 = 20
const BAN_MS = 10 * 60_000

export class BybitHost implements ExchangeHost {
  readonly host = 'all'
  readonly #state: ExchangeState
  readonly #budget = new SlidingBudget(LIMIT, WINDOW_MS)
  readonly #bans = new BanList()
  readonly #refused = new Map<string, number>()

  constructor(state: ExchangeState) {
    this.#state = state
  }

  target({ path, query }: ExchangeRequest): Target {
    const category = query.get('category') ?? (path.endsWith('/kline') ? 'linear' : '')
    return {
      path,
      host: category === 'spot' ? 'spot' : category === 'linear' ? 'perpetual' : 'all',
      symbol: query.get('symbol') ?? undefined,
      interval: BYBIT_INTERVALS[query.get('interval') ?? '']?.name,
    }
  }

  admit({ client }: ExchangeRequest): Admission {
    const now = this.#state.now()
    if (this.#bans.bannedUntil(client, now) !== undefined) return { refusal: this.failure(403) }
    const { allowed, left, resetAt } = this.#budget.spend(client, now)
    const headers = {
      'X-Bapi-Limit': String(LIMIT),
      'X-Bapi-Limit-Status': String(left),
      'X-Bapi-Limit-Reset-Timestamp': String(allowed ? now : resetAt),
    }
    if (allowed) {
      this.#refused.delete(client)
      return { headers }
    }
    const refused = (this.#refused.get(client) ?? 0) + 1
    this.#refused.set(client, refused)
    if (refused <= TOLERATED_AFTER_10006) return { headers, refusal: this.#tooManyVisits() }
    this.#refused.delete(client)
    this.#bans.ban(client, now + BAN_MS)
    return { refusal: this.failure(403) }
  }

  answer(request: ExchangeRequest): Reply {
    const endpoint = BYBIT_ENDPOINTS[request.path]
    if (!endpoint) return { status: 404, contentType: 'text/plain', body: '404 page not found' }
    return endpoint({ state: this.#state, query: request.query, target: this.target(request) })
  }

  /** Its 429 is a 200 with a retCode. */
  failure(status: number): Reply {
    if (status === 429) return this.#tooManyVisits()
    if (status === 403) return { status, contentType: 'text/plain', body: 'access too frequent' }
    if (status >= 500) return proxyPage(status, 'Server Error')
    return json(
      { retCode: 10016, retMsg: 'Server error.', result: {}, retExtInfo: {}, time: this.#state.now() },
      status,
    )
  }

  geoBlock(): Reply {
    return cloudFrontPage(403, 'The Amazon CloudFront distribution is configured to block access from your country.')
  }

  ban(client: string, until: number): void {
    this.#bans.ban(client, until)
  }

  forgetLimits(): void {
    this.#budget.clear()
    this.#bans.clear()
    this.#refused.clear()
  }

  #tooManyVisits(): Reply {
    return json({ retCode: 10006, retMsg: 'Too many visits!', result: {}, retExtInfo: {}, time: this.#state.now() })
  }
}
