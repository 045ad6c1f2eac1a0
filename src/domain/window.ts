import type { Window } from './interval.ts'

/** The parts of `window` that none of `ranges` (ascending, disjoint) covers, ascending. */
export function subtractRanges(window: Window, ranges: readonly Window[]): Window[] {
  const rest: Window[] = []
  let from = window.start
  for (const range of ranges) {
    if (range.end <= from) continue
    if (range.start >= window.end) break
    if (range.start > from) rest.push({ start: from, end: range.start })
    from = range.end
  }
  if (from < window.end) rest.push({ start: from, end: window.end })
  return rest
}

/** The same time as ascending, disjoint windows that do not touch. Empty ones are dropped. */
export function mergeWindows(windows: readonly Window[]): Window[] {
  const sorted = windows.filter(({ start, end }) => start < end).sort((a, b) => a.start - b.start)
  const merged: Window[] = []
  for (const window of sorted) {
    const last = merged.at(-1)
    if (last === undefined || window.start > last.end) merged.push(window)
    else merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, window.end) }
  }
  return merged
}

/** What both have in common; empty (start at or after end) where nothing. */
export function intersectWindows(a: Window, b: Window): Window {
  return { start: Math.max(a.start, b.start), end: Math.min(a.end, b.end) }
}
