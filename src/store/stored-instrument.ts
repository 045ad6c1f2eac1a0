import { decimal } from '../domain/decimal.ts'
import type { StoredInstrument } from '../domain/series.ts'
import type { instruments } from './schema.ts'

/** The domain's view of an instrument's row. */
export function storedInstrument(row: typeof instruments.$inferSelect): StoredInstrument {
  return {
    ...row,
    contractSize: row.contractSize === null ? null : decimal(row.contractSize),
    tickSize: row.tickSize === null ? null : decimal(row.tickSize),
    lotSize: row.lotSize === null ? null : decimal(row.lotSize),
  }
}
