import type { TradeEvent } from '../domain/event.ts'

/** Trades that may be missing. Ids are not included; times are ms UTC by the exchange's clock. */
export interface TradeHole {
  readonly afterId: string
  /** `null`: up to the newest trade that there is. */
  readonly beforeId: string | null
  readonly from: number
  readonly to: number
}

/** Trades that are missing, or may be, for good. Bounds as in {@link TradeHole}. */
export interface TradeGap {
  /** `null`: no trade had come yet, and `from` is by our clock. */
  readonly afterId: string | null
  readonly beforeId: string
  readonly from: number
  readonly to: number
}

export interface TradeOutcome {
  /** To be published, in order. */
  readonly trades: readonly TradeEvent[]
  /** To be asked of REST, once; its answer goes to `recovered` or `failed` together with this very object. */
  readonly hole: TradeHole | null
  /** To be told to clients before `trades`. Where two would be told at once it spans both. */
  readonly gap: TradeGap | null
}

/** An outcome as it comes about. */
export interface Draft {
  readonly trades: TradeEvent[]
  hole: TradeHole | null
  gap: TradeGap | null
}

export function newDraft(): Draft {
  return { trades: [], hole: null, gap: null }
}

/** A gap between two trades; of one that does not exist nothing is told. */
export function tell(
  draft: Draft,
  after: { readonly id: string | null; readonly exchangeTime: number } | null,
  before: TradeEvent | undefined,
): void {
  if (after === null || before === undefined) return
  const to = Math.max(after.exchangeTime, before.exchangeTime)
  const gap = { afterId: after.id, beforeId: before.id, from: after.exchangeTime, to }
  const earlier = draft.gap
  draft.gap = earlier === null ? gap : { ...earlier, beforeId: gap.beforeId, to: Math.max(earlier.to, to) }
}
