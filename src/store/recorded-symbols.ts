import type { InstrumentKind } from '../domain/instrument.ts'
import type { Reader } from './sessions.ts'

export interface RecordedSymbol {
  readonly exchange: string
  readonly symbol: string
}

const RECORDED = `
SELECT DISTINCT i.exchange, i.symbol FROM series s JOIN instruments i ON i.id = s.instrument_id
WHERE s.recorded_from IS NOT NULL AND i.valid_to IS NULL AND i.exchange IN (SELECT value FROM json_each(?1))
AND (?2 IS NULL OR i.kind = ?2)
ORDER BY i.symbol, i.exchange`

/** What trades today and is recorded, in one database. */
export async function readRecordedSymbols(
  db: Reader,
  exchanges: readonly string[],
  kind: InstrumentKind | null,
): Promise<RecordedSymbol[]> {
  const { results } = await db.prepare(RECORDED).bind(JSON.stringify(exchanges), kind).all<RecordedSymbol>()
  return results
}
