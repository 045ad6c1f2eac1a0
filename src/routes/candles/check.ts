import type { MissingRange } from '../../domain/coverage.ts'
import { AppError } from '../../domain/errors.ts'

/** An error names the first few. */
const MAX_NAMED_RANGES = 20

/**
 * Refuses an incomplete answer where the caller takes no other.
 *
 * @throws AppError `incomplete_window`, naming the missing ranges
 */
export function checkComplete(strict: boolean, missing: readonly MissingRange[]): void {
  if (!strict || missing.length === 0) return
  const errors = missing.slice(0, MAX_NAMED_RANGES).map(({ start, end, reason }) => ({
    path: 'coverage.missing',
    message: `${new Date(start).toISOString()} to ${new Date(end).toISOString()}: ${reason}`,
  }))
  throw new AppError('incomplete_window', 'candles are missing from the window', { errors })
}
