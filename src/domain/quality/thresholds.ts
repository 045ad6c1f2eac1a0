import { z } from 'zod'

/**
 * From what size on each check finds something. All that is at least as large is found, provided that the candle has
 * neighbours on both sides and that 20 of the 120 nearest moved. "Deviations" are robust ones: 1.48 times the median of
 * what the neighbours' closes move by, so that the wild minutes of a market measure themselves.
 */
export interface Thresholds {
  /**
   * An open, a close or up to three whole candles, apart from what stands before and after them by both: so many
   * percent, and so many deviations.
   */
  readonly priceJump: { readonly percent: number; readonly deviations: number }
  /** A high above, or a low below, its own body and the wicks of both neighbours, by both. */
  readonly wick: { readonly percent: number; readonly deviations: number }
  /**
   * A volume so many times what 19 of 20 neighbours stay below. Where that level is further above the median than the
   * root of `times`, the square of how far it is counts instead.
   */
  readonly volumeOutlier: { readonly times: number }
  /**
   * So many candles in a row that close at one price (`quietSlots` where nothing traded in them either), while this
   * share of the neighbours' closes moves.
   */
  readonly flatRun: { readonly slots: number; readonly quietSlots: number; readonly activity: number }
  /** A candle as stored first, from the stream or right after its close, off the later answer by more. */
  readonly liveRest: { readonly percent: number }
  /** A close off the median of three exchanges or more, or off that of the only other one, by more. */
  readonly crossExchange: { readonly percent: number }
}

/** Fixed on simulated markets with returns of Student's t (3 degrees of freedom) that come in clusters. */
export const DEFAULT_THRESHOLDS: Thresholds = {
  priceJump: { percent: 1.5, deviations: 20 },
  wick: { percent: 3, deviations: 30 },
  volumeOutlier: { times: 50 },
  flatRun: { slots: 20, quietSlots: 60, activity: 0.8 },
  liveRest: { percent: 0.1 },
  crossExchange: { percent: 1 },
}

const SIZE_RULE = 'must be a number above 0, at most 1000000000'
const SLOTS_RULE = 'must be a whole number from 2 to 10000'
const SHARE_RULE = 'must be a share above 0, at most 1'
const GROUP_RULE = 'must be an object of the thresholds that differ'

const size = z.number(SIZE_RULE).positive(SIZE_RULE).max(1e9, SIZE_RULE).optional()
const slots = z.int(SLOTS_RULE).min(2, SLOTS_RULE).max(10_000, SLOTS_RULE).optional()
const share = z.number(SHARE_RULE).gt(0, SHARE_RULE).max(1, SHARE_RULE).optional()

/** Thresholds as a setting or a caller gives them: those that differ. */
export const thresholdsSchema = z.strictObject(
  {
    priceJump: z.strictObject({ percent: size, deviations: size }, GROUP_RULE).optional(),
    wick: z.strictObject({ percent: size, deviations: size }, GROUP_RULE).optional(),
    volumeOutlier: z.strictObject({ times: size }, GROUP_RULE).optional(),
    flatRun: z.strictObject({ slots, quietSlots: slots, activity: share }, GROUP_RULE).optional(),
    liveRest: z.strictObject({ percent: size }, GROUP_RULE).optional(),
    crossExchange: z.strictObject({ percent: size }, GROUP_RULE).optional(),
  },
  GROUP_RULE,
)

/** `base`, but for what `changes` says otherwise. */
export function changeThresholds(base: Thresholds, changes: z.infer<typeof thresholdsSchema>): Thresholds {
  return {
    priceJump: changed(base.priceJump, changes.priceJump),
    wick: changed(base.wick, changes.wick),
    volumeOutlier: changed(base.volumeOutlier, changes.volumeOutlier),
    flatRun: changed(base.flatRun, changes.flatRun),
    liveRest: changed(base.liveRest, changes.liveRest),
    crossExchange: changed(base.crossExchange, changes.crossExchange),
  }
}

/** What was read from JSON leaves a member out, it never holds `undefined`. */
function changed<T extends object>(base: T, changes: { [K in keyof T]?: T[K] | undefined } | undefined): T {
  return { ...base, ...changes }
}
