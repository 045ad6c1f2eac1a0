import type { Refusal } from '../domain/answer.ts'
import type { Clock } from '../domain/clock.ts'
import type { ErrorCode } from '../domain/errors.ts'
import type { InstrumentKind } from '../domain/instrument.ts'
import type { ExchangeHttp, Sent } from './http.ts'
import type { HostState } from './status.ts'

const codes = {
  ok: 'exchange_unavailable',
  unavailable: 'exchange_unavailable',
  'retry-after': 'rate_limited',
  banned: 'rate_limited',
  'geo-blocked': 'geo_blocked',
} as const satisfies Record<HostState, ErrorCode>

export const UNKNOWN_INSTRUMENT: Refusal = { ok: false, code: 'unknown_instrument', detail: 'no such instrument' }

/** Why a request brought no data, for whoever asked another object for it, and when to ask again. */
export function refusalOf(
  sent: Exclude<Sent<unknown>, { readonly kind: 'answer' }>,
  kind: InstrumentKind,
  http: ExchangeHttp,
  clock: Clock,
): Refusal {
  if (sent.kind === 'rejected' && sent.unknownInstrument) return { ...UNKNOWN_INSTRUMENT, detail: sent.reason }
  const { state, until } = http.health(kind)
  const retryAt = sent.kind === 'deferred' ? sent.until : until
  return {
    ok: false,
    code: codes[state],
    detail: sent.kind === 'deferred' ? 'the exchange may not be asked now' : sent.reason,
    retryAfterMs: retryAt === null ? undefined : Math.max(0, retryAt - clock.now()),
  }
}
