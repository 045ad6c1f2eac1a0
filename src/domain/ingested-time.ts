import type { IngestFault } from './ingest.ts'
import type { Fields } from './ingest-fields.ts'
import { malformed, readTime } from './ingest-fields.ts'

/** A sender's clock may run ahead of ours: what it dates so is not of the future. */
const CLOCK_TOLERANCE_MS = 60_000
/** Bitcoin's first block, before which no crypto traded; also above every count of seconds until 2100. */
const FIRST_TIME = Date.UTC(2009, 0, 3)

/** When something happened, or was received: ms UTC, between the first day of crypto and now. */
export function readPastTime(fields: Fields, name: string, now: number): number | IngestFault {
  const time = readTime(fields[name])
  if (time === undefined) return malformed(name, 'must be milliseconds since 1970 or ISO 8601')
  if (time < FIRST_TIME) {
    return { reason: 'implausible_time', path: name, message: 'lies before 2009: is it in milliseconds?' }
  }
  if (time > now + CLOCK_TOLERANCE_MS) return { reason: 'in_future', path: name, message: 'lies in the future' }
  return time
}

/** As {@link readPastTime}; `null` where the record does not say. */
export function readOptionalPastTime(fields: Fields, name: string, now: number): number | null | IngestFault {
  return fields[name] === undefined || fields[name] === null ? null : readPastTime(fields, name, now)
}
