/**
 * Simulated Binance: spot and USD-M are two hosts, each with a budget, bans and geo-blocks of its own.
 * Limits: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
 */

import { BINANCE_ENDPOINTS } from './binance-endpoints.ts'
import { binanceError, type Call } from './binance-query.ts'
import type { Kind } from './catalogue.ts'
import type { ExchangeState } from './exchange-state.ts'
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
import { BanList, CalendarBudget } from './rate-limits.ts'

const MINUTE_MS = 60_000
/** Request weight a minute: 6,000 on spot, 2,400 on USD-M (`rateLimits` of exchangeInfo). */
const WEIGHT_PER_MINUTE: Record<Kind, number> = { spot: 6000, perpetual: 2400 }
/** `fundingRate` shares 500 requests in 5 minutes with `fundingInfo`, outside the weight. */
const FUNDING_REQUESTS = { limit: 500, windowMs: 5 * MINUTE_MS }
/** Bans start at 2 minutes and grow to 3 days. How many requests after a 429 earn one is not published. */
const SHORTEST_BAN_MS = 2 * MINUTE_MS
const LONGEST_BAN_MS = 3 * 24 * 60 * MINUTE_MS
const TOLERATED_AFTER_429 = 10

const tooMuch = (limit: number): string =>
  `Too much request weight used; current limit is ${limit} request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.`
const banned = (until: number): string =>
  `Way too much request weight used; IP banned until ${until}. Please use WebSocket Streams for live updates to avoid bans.`

export class BinanceHost implements ExchangeHost {
  readonly host: Kind
  readonly #state: ExchangeState
  readonly #weight: CalendarBudget
  readonly #funding = new CalendarBudget(FUNDING_REQUESTS.limit, FUNDING_REQUESTS.windowMs)
  readonly #bans = new BanList()
  readonly #refused = new Map<string, number>()
  readonly #lastBanMs = new Map<string, number>()

  constructor(state: ExchangeState, host: Kind) {
    this.#state = state
    this.host = host
    this.#weight = new CalendarBudget(WEIGHT_PER_MINUTE[host], MINUTE_MS)
  }

  target({ path, query }: ExchangeRequest): Target {
    return {
      path,
      host: this.host,
      symbol: query.get('symbol') ?? undefined,
      interval: query.get('interval') ?? undefined,
    }
  }

  admit({ path, query, client }: ExchangeRequest): Admission {
    const now = this.#state.now()
    const bannedUntil = this.#bans.bannedUntil(client, now)
    if (bannedUntil !== undefined) return { refusal: this.#refusal(418, banned(bannedUntil), bannedUntil - now) }
    if (path === '/fapi/v1/fundingRate') {
      const { allowed, retryAfterMs } = this.#funding.spend(client, 1, now)
      return allowed ? {} : { refusal: this.#refusal(429, 'Too many requests.', retryAfterMs) }
    }
    const weight = BINANCE_ENDPOINTS[this.host][path]?.weight(query) ?? 1
    const { used, allowed, retryAfterMs } = this.#weight.spend(client, weight, now)
    const headers = { 'X-MBX-USED-WEIGHT': String(used), 'X-MBX-USED-WEIGHT-1M': String(used) }
    if (allowed) {
      this.#refused.delete(client)
      return { headers }
    }
    return { headers, refusal: this.#refuseOrBan(client, now, retryAfterMs) }
  }

  answer({ path, query }: ExchangeRequest): Reply {
    const endpoint = BINANCE_ENDPOINTS[this.host][path]
    if (!endpoint) throw new Refusal(proxyPage(404, 'Not Found'))
    const call: Call = {
      state: this.#state,
      kind: this.host,
      query,
      target: this.target({ path, query, client: '', userAgent: '' }),
    }
    const sent = [...query.keys()]
    const read = sent.filter((name) => endpoint.reads.includes(name))
    if (new Set(sent).size < sent.length) throw binanceError(-1101, 'Duplicate values for a parameter detected.')
    if (this.host === 'spot' && read.length < sent.length) {
      throw binanceError(
        -1104,
        `Not all sent parameters were read; read '${read.length}' parameter(s) but was sent '${sent.length}'.`,
      )
    }
    return endpoint.answer(call)
  }

  failure(status: number, retryAfterSeconds?: number): Reply {
    const after = (retryAfterSeconds ?? (status === 418 ? 120 : 5)) * 1000
    if (status === 429) return this.#refusal(429, tooMuch(WEIGHT_PER_MINUTE[this.host]), after)
    if (status === 418) return this.#refusal(418, banned(this.#state.now() + after), after)
    if (status === 403) return cloudFrontPage(403, 'Request blocked.')
    if (status === 451) return this.geoBlock()
    if (status === 503)
      return json({ code: -1001, msg: 'Internal error; unable to process your request. Please try again.' }, 503)
    return status >= 500
      ? proxyPage(status, 'Bad Gateway')
      : json({ code: -1000, msg: 'An unknown error occurred while processing the request.' }, status)
  }

  /** 451 with a code of 0. */
  geoBlock(): Reply {
    return json(
      {
        code: 0,
        msg: "Service unavailable from a restricted location according to 'b. Eligibility' in https://www.binance.com/en/terms. Please contact customer service if you believe you received this message in error.",
      },
      451,
    )
  }

  ban(client: string, until: number): void {
    this.#bans.ban(client, until)
  }

  forgetLimits(): void {
    this.#weight.clear()
    this.#funding.clear()
    this.#bans.clear()
    this.#refused.clear()
    this.#lastBanMs.clear()
  }

  /** 429 first; whoever goes on regardless is banned, each time for twice as long. */
  #refuseOrBan(client: string, now: number, retryAfterMs: number): Reply {
    const refused = (this.#refused.get(client) ?? 0) + 1
    this.#refused.set(client, refused)
    if (refused <= TOLERATED_AFTER_429) return this.#refusal(429, tooMuch(WEIGHT_PER_MINUTE[this.host]), retryAfterMs)
    const banMs = Math.min(LONGEST_BAN_MS, (this.#lastBanMs.get(client) ?? SHORTEST_BAN_MS / 2) * 2)
    this.#lastBanMs.set(client, banMs)
    this.#refused.delete(client)
    this.#bans.ban(client, now + banMs)
    return this.#refusal(418, banned(now + banMs), banMs)
  }

  #refusal(status: number, msg: string, retryAfterMs: number): Reply {
    return json({ code: -1003, msg }, status, { 'Retry-After': String(Math.ceil(retryAfterMs / 1000)) })
  }
}
