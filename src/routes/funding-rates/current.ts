import type { FundingValues } from '../../domain/event.ts'
import type { StoredInstrument } from '../../domain/series.ts'
import { isExchangeName } from '../../exchanges/registry.ts'
import type { AppContext } from '../context.ts'

/** The funding that is announced now, with its age. */
export interface CurrentFunding extends FundingValues {
  readonly exchangeTime: number | null
  readonly receivedTime: number
  readonly ageMs: number
}

export interface CurrentAnswer {
  readonly current: CurrentFunding | null
  /** Why there is none; the feed's own code where it refuses. */
  readonly currentReason: string | null
}

/** The history is answered whatever becomes of the feed. */
export async function readCurrent(c: AppContext, { exchange, symbol }: StoredInstrument): Promise<CurrentAnswer> {
  if (!isExchangeName(exchange)) return noCurrent('no_live_data')
  try {
    const answer = await c.var.deps.feed(exchange).readFunding(exchange, symbol)
    if (!answer.ok) return noCurrent(answer.code)
    const { value, exchangeTime, receivedTime, now } = answer
    const { rate, nextFundingTime, markPrice, indexPrice } = value.funding
    const ageMs = Math.max(0, now - receivedTime)
    return {
      current: { rate, nextFundingTime, markPrice, indexPrice, exchangeTime, receivedTime, ageMs },
      currentReason: null,
    }
  } catch (error) {
    console.warn('feed did not answer', { exchange, error: String(error) })
    return noCurrent('feed_unavailable')
  }
}

export function noCurrent(currentReason: string): CurrentAnswer {
  return { current: null, currentReason }
}
