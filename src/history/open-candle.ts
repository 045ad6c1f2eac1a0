import type { Refusal } from '../domain/answer.ts'
import type { Candle } from '../domain/candle.ts'
import type { Instrument } from '../domain/instrument.ts'
import { floorToInterval, type Interval, nextOpenTime } from '../domain/interval.ts'
import type { LoaderDeps } from './loader.ts'
import { closedTo } from './plan.ts'
import { refusalOf } from './refusal.ts'

/** A caller waits no longer for its turn in the budget. */
const PATIENCE_MS = 2_000

/** What the exchange has of the slots that are not closed yet, ascending: slots without a trade are left out. */
export type OpenCandles = { readonly ok: true; readonly candles: readonly Candle[] } | Refusal

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
  return refusalOf(sent, instrument.kind, http, clock)
}
