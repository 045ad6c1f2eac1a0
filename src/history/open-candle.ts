import type { Candle } from '../domain/candle.ts'
import type { ErrorCode } from '../domain/errors.ts'
import type { Instrument } from '../domain/instrument.ts'
import { floorToInterval, type Interval, nextOpenTime } from '../domain/interval.ts'
import type { LoaderDeps } from './loader.ts'
import { closedTo } from './plan.ts'
import type { HostState } from './status.ts'

/** A caller waits no longer for its turn in the budget. */
const PATIENCE_MS = 2_000

/** What the exchange has of the slots that are not closed yet, ascending: slots without a trade are left out. */
export type OpenCandles =
  | { readonly ok: true; readonly candles: readonly Candle[] }
  | {
      readonly ok: false
      readonly code: ErrorCode
      readonly detail: string
      readonly retryAfterMs?: number | undefined
    }

const codes = {
  ok: 'exchange_unavailable',
  unavailable: 'exchange_unavailable',
  'retry-after': 'rate_limited',
  banned: 'rate_limited',
  'geo-blocked': 'geo_blocked',
} as const satisfies Record<HostState, ErrorCode>

/**
 * The candles that are not final, straight from the exchange; never stored: that of the current slot and, while it
 * settles, the one before.
 */
export async function readOpenCandles(
  { connector, http, clock }: Pick<LoaderDeps, 'connector' | 'http' | 'clock'>,
  instrument: Instrument,
  interval: Interval,
): Promise<OpenCandles> {
  const now = http.exchangeTime(instrument.kind)
  const window = {
    start: closedTo(now, interval, connector.rest.settleMs),
    end: nextOpenTime(floorToInterval(now, interval), interval),
  }
  const call = connector.rest.candles(instrument, interval, window, now)
  const sent = await http.send(call, 'backfill', clock.now() + PATIENCE_MS)
  if (sent.kind === 'answer') {
    const candles = sent.value.candles.filter(({ openTime }) => openTime >= window.start && openTime < window.end)
    return { ok: true, candles: candles.toSorted((a, b) => a.openTime - b.openTime) }
  }
  const { state, until } = http.health(instrument.kind)
  const retryAt = sent.kind === 'deferred' ? sent.until : until
  return {
    ok: false,
    code: codes[state],
    detail: sent.kind === 'deferred' ? 'the exchange may not be asked now' : sent.reason,
    retryAfterMs: retryAt === null ? undefined : Math.max(0, retryAt - clock.now()),
  }
}
