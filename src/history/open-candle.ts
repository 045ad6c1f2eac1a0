import type { Candle } from '../domain/candle.ts'
import type { ErrorCode } from '../domain/errors.ts'
import type { Instrument } from '../domain/instrument.ts'
import { floorToInterval, type Interval, nextOpenTime } from '../domain/interval.ts'
import type { LoaderDeps } from './loader.ts'

/** A caller waits no longer for its turn in the budget. */
const PATIENCE_MS = 2_000

/** The candle of the current slot, straight from the exchange; never stored. */
export async function readOpenCandle(
  { connector, http, clock }: Pick<LoaderDeps, 'connector' | 'http' | 'clock'>,
  instrument: Instrument,
  interval: Interval,
): Promise<
  | { readonly ok: true; readonly candle: Candle | null }
  | { readonly ok: false; readonly code: ErrorCode; readonly detail: string }
> {
  const now = http.exchangeTime(instrument.kind)
  const openTime = floorToInterval(now, interval)
  const window = { start: openTime, end: nextOpenTime(openTime, interval) }
  const call = connector.rest.candles(instrument, interval, window, now)
  const sent = await http.send(call, 'repair', clock.now() + PATIENCE_MS)
  if (sent.kind === 'answer') {
    return { ok: true, candle: sent.value.candles.find((candle) => candle.openTime === openTime) ?? null }
  }
  if (sent.kind === 'deferred')
    return { ok: false, code: 'exchange_unavailable', detail: 'the exchange may not be asked now' }
  return { ok: false, code: 'exchange_unavailable', detail: sent.reason }
}
