/** Simulated OKX: one host, a budget for each endpoint. https://www.okx.com/docs-v5/en/#overview-rate-limits */

import type { ExchangeState } from './exchange-state.ts'
import { INTERVAL_OF_BAR, OKX_ENDPOINTS } from './okx-endpoints.ts'
import {
  type Admission,
  cloudFrontPage,
  type ExchangeHost,
  type ExchangeRequest,
  json,
  proxyPage,
  Refusal,
  type Reply,
  type Target,
} from './protocol.ts'
import { BanList, SlidingBudget } from './rate-limits.ts'

/** Budgets are published as requests per 2 seconds. */
const WINDOW_MS = 2000

export class OkxHost implements ExchangeHost {
  readonly host = 'all'
  readonly #state: ExchangeState
  readonly #budgets = new Map(
    Object.entries(OKX_ENDPOINTS).map(([path, [limit]]) => [path, new SlidingBudget(limit, WINDOW_MS)]),
  )
  readonly #bans = new BanList()

  constructor(state: ExchangeState) {
    this.#state = state
  }

  target({ path, query }: ExchangeRequest): Target {
    const symbol = query.get('instId') ?? undefined
    const type = query.get('instType') ?? (symbol?.endsWith('-SWAP') ? 'SWAP' : symbol && 'SPOT')
    return {
      path,
      host: type === 'SWAP' ? 'perpetual' : type === 'SPOT' ? 'spot' : 'all',
      symbol,
      interval: INTERVAL_OF_BAR[query.get('bar') ?? '1m']?.name,
    }
  }

  admit({ path, query, client }: ExchangeRequest): Admission {
    const now = this.#state.now()
    if (this.#bans.bannedUntil(client, now) !== undefined) return { refusal: this.failure(403) }
    const per = OKX_ENDPOINTS[path]?.[1]
    const key = per ? `${client} ${query.get(per)}` : client
    return (this.#budgets.get(path)?.spend(key, now).allowed ?? true) ? {} : { refusal: this.failure(429) }
  }

  answer(request: ExchangeRequest): Reply {
    const endpoint = OKX_ENDPOINTS[request.path]
    if (!endpoint)
      throw new Refusal(json({ code: '404', data: {}, detailMsg: '', error_code: '404', msg: 'Not Found' }, 404))
    return endpoint[2]({ state: this.#state, query: request.query, target: this.target(request) })
  }

  /** 429 with code 50011, without a Retry-After; a system that is down says 50001 with 503. */
  failure(status: number): Reply {
    if (status === 429) return json({ msg: 'Too Many Requests', code: '50011' }, 429)
    if (status === 503)
      return json({ code: '50001', data: [], msg: 'Service temporarily unavailable. Please try again later.' }, 503)
    if (status === 403) return cloudFrontPage(403, 'Request blocked.')
    return status >= 500
      ? proxyPage(status, 'Server Error')
      : json({ code: '50000', data: [], msg: 'Unknown error.' }, status)
  }

  geoBlock(): Reply {
    return cloudFrontPage(403, 'The Amazon CloudFront distribution is configured to block access from your country.')
  }

  ban(client: string, until: number): void {
    this.#bans.ban(client, until)
  }

  forgetLimits(): void {
    for (const budget of this.#budgets.values()) budget.clear()
    this.#bans.clear()
  }
}
