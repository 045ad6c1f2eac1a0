import type { RestOutcome } from './connector.ts'
import { isRecord } from './decode.ts'

/** `Wed, 21 Oct 2026 07:28:00 GMT`: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7 */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/** What an answer means, for those parts in which the exchanges agree. */

export const ok: RestOutcome = { kind: 'ok' }

export function retryAfter(reason: string, headers: Headers): RestOutcome {
  return { kind: 'retry-after', retryAfterMs: retryAfterMs(headers), reason }
}

export function bannedUntil(reason: string, banMs: number | null): RestOutcome {
  return { kind: 'banned-until', banMs, reason }
}

export function geoBlocked(reason: string): RestOutcome {
  return { kind: 'geo-blocked', reason }
}

export function rejected(code: string, reason: string, unknownInstrument = false): RestOutcome {
  return { kind: 'rejected', code, reason, unknownInstrument }
}

/**
 * `Retry-After` as ms: in seconds, or as a date, that counts from the answer's own; `null` where it cannot be told.
 * https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export function retryAfterMs(headers: Headers): number | null {
  const delay = headers.get('retry-after')?.trim() ?? ''
  if (/^\d{1,9}(?:\.\d+)?$/.test(delay)) return Math.ceil(Number(delay) * 1000)
  const ms = HTTP_DATE.test(delay) ? Date.parse(delay) - Date.parse(headers.get('date') ?? '') : Number.NaN
  return Number.isNaN(ms) ? null : Math.max(0, ms)
}

/** A gateway's page in the place of the exchange's JSON. */
export function isPage(body: string): boolean {
  return /^\s*</.test(body)
}

/** No exchange's error is longer: whatever is, is data and need not be parsed to be judged. */
const MAX_ERROR_LENGTH = 4_096

/** The fields of a short JSON object, which is what every exchange sends for an error; `undefined` for anything else. */
export function errorFields(body: string): Readonly<Record<string, unknown>> | undefined {
  if (body.length > MAX_ERROR_LENGTH || !/^\s*\{/.test(body)) return undefined
  try {
    const value: unknown = JSON.parse(body)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** A field of an error as text: codes come as numbers and as strings. */
export function textField(fields: Readonly<Record<string, unknown>>, name: string): string {
  const value = fields[name]
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

/** Statuses that are about the caller's address, whatever code their body has. */
export function isAboutAddress(status: number): boolean {
  return status === 403 || status === 418 || status === 451
}

/** Statuses after which the same request may succeed later. */
export function isTemporary(status: number): boolean {
  return status === 429 || status === 408 || status === 425 || status >= 500
}

/**
 * The gateway's page to a region that is not served names the country, or is that of CloudFront, behind which Binance
 * and Bybit stand. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/http-403-permission-denied.html
 */
const REGION_PAGE = /cloudfront|country|(?:your|this) (?:region|location)/i

/**
 * What the status alone says, for answers without a code that says more.
 * @param message the exchange's own words, where there are any
 */
export function outcomeOfStatus(status: number, headers: Headers, body: string, message = ''): RestOutcome {
  const page = isPage(body)
  if (status >= 200 && status < 300) return page ? retryAfter('a page instead of JSON', headers) : ok
  if (status === 418) return bannedUntil(message || 'banned for too many requests', retryAfterMs(headers))
  if (status === 451) return geoBlocked(message || 'not served in this region')
  if (status === 403 && page && REGION_PAGE.test(body)) return geoBlocked('refused by the gateway')
  if (status === 403) return bannedUntil(message || 'refused', retryAfterMs(headers))
  if (isTemporary(status)) return retryAfter(message || `status ${status}`, headers)
  return rejected(String(status), message || shorten(page ? '' : body) || `status ${status}`)
}

/** Some limits are answered with the address that they hold for, which is nobody's business but ours. */
const ADDRESS = /\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[\da-f]{1,4}:){2,7}:?(?:[\da-f]{1,4})?\b/gi

/** In the place of words that an exchange did not find. */
export const NO_REASON = 'no reason given'

/** Safe to log and to show. */
export function shorten(text: string): string {
  return text.replace(ADDRESS, '(address)').replace(/\s+/g, ' ').trim().slice(0, 200)
}
