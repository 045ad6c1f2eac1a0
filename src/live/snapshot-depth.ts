/**
 * Levels a side of a snapshot that is asked for over REST: of Binance, whose weights for them are 5, 50 and 250 on spot.
 * Few at first, so that many books are soon live; more where clients want to see deeper or the price has moved.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#order-book
 */
export const SHALLOW_SNAPSHOT_DEPTH = 100
export const SNAPSHOT_DEPTH = 1_000
const DEEP_SNAPSHOT_DEPTH = 5_000

/** How deep the snapshot is that serves a view: there are at least twice as many levels at first. */
export function snapshotDepthOf(view: number): number {
  const depths = [SHALLOW_SNAPSHOT_DEPTH, SNAPSHOT_DEPTH]
  return depths.find((depth) => depth >= 2 * view) ?? DEEP_SNAPSHOT_DEPTH
}
