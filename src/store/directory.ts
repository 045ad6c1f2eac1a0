import type { Instrument, InstrumentKind } from '../domain/instrument.ts'
import type { Reader } from './sessions.ts'

/** Conditions on a list of instruments; `null` is none. */
export interface InstrumentFilter {
  readonly exchanges: readonly string[]
  readonly symbol: string | null
  readonly kind: InstrumentKind | null
  readonly base: string | null
  readonly quote: string | null
  readonly active: boolean | null
  /** Part of a symbol, in either spelling. */
  readonly text: string | null
}

export interface InstrumentRow extends Omit<Instrument, 'active' | 'inverse'> {
  readonly id: number
  readonly inverse: number
  readonly active: number
  readonly validFrom: number
  readonly validTo: number | null
  readonly registered: number
  /** Its earlier symbols, joined by spaces, which no symbol holds. */
  readonly aliases: string | null
}

const INSTRUMENT_ROW = `
SELECT id, exchange, kind, symbol, exchange_symbol AS exchangeSymbol, base, quote, settle, inverse,
  contract_size AS contractSize, tick_size AS tickSize, lot_size AS lotSize, active, listed_at AS listedAt,
  valid_from AS validFrom, valid_to AS validTo, registered,
  (SELECT group_concat(a.symbol, ' ') FROM instrument_aliases a
   WHERE a.exchange = i.exchange AND a.instrument_id = i.id AND a.symbol <> i.symbol) AS aliases
FROM instruments i`

const INSTRUMENTS = `${INSTRUMENT_ROW}
WHERE exchange IN (SELECT value FROM json_each(?1)) AND (exchange, symbol, id) > (?2, ?3, ?4)
AND (?5 IS NULL OR kind = ?5) AND (?6 IS NULL OR base = ?6 COLLATE NOCASE) AND (?7 IS NULL OR quote = ?7 COLLATE NOCASE)
AND (?8 IS NULL OR active = ?8) AND (?9 IS NULL OR symbol = ?9)
AND (?10 IS NULL OR instr(upper(symbol), ?10) > 0 OR instr(upper(exchange_symbol), ?10) > 0)
ORDER BY exchange, symbol, id LIMIT ?11`

/** Instruments of one database by exchange and symbol, those after the given one. */
export async function readInstrumentList(
  db: Reader,
  filter: InstrumentFilter,
  after: { readonly exchange: string; readonly symbol: string; readonly id: number },
  limit: number,
): Promise<InstrumentRow[]> {
  const { exchanges, kind, base, quote, active, symbol, text } = filter
  const { results } = await db
    .prepare(INSTRUMENTS)
    .bind(
      JSON.stringify(exchanges),
      after.exchange,
      after.symbol,
      after.id,
      kind,
      base,
      quote,
      active === null ? null : Number(active),
      symbol,
      text?.toUpperCase() ?? null,
      limit,
    )
    .all<InstrumentRow>()
  return results
}

/** One instrument; `undefined` where there is none. */
export async function readInstrumentRow(db: Reader, id: number): Promise<InstrumentRow | undefined> {
  const row = await db.prepare(`${INSTRUMENT_ROW} WHERE id = ?1`).bind(id).first<InstrumentRow>()
  return row ?? undefined
}

/** An asset, and where it is the base or the quote of something that trades. */
export interface AssetRow {
  readonly asset: string
  readonly exchanges: readonly string[]
  readonly instruments: number
}

const ASSETS = `
SELECT asset, group_concat(DISTINCT exchange) AS exchanges, count(*) AS instruments
FROM (
  SELECT base AS asset, exchange FROM instruments WHERE valid_to IS NULL
  UNION ALL
  SELECT quote AS asset, exchange FROM instruments WHERE valid_to IS NULL
)
WHERE asset > ?1 AND exchange IN (SELECT value FROM json_each(?2)) AND (?3 IS NULL OR instr(upper(asset), ?3) > 0 OR asset IN (SELECT value FROM json_each(?5)))
GROUP BY asset ORDER BY asset LIMIT ?4`

/** Exchanges that users have registered, by name. */
export async function readRegisteredExchanges(
  db: Reader,
): Promise<{ readonly exchange: string; readonly name: string; readonly registeredAt: number }[]> {
  const { results } = await db
    .prepare('SELECT exchange, name, registered_at AS registeredAt FROM exchanges ORDER BY exchange')
    .all<{ readonly exchange: string; readonly name: string; readonly registeredAt: number }>()
  return results
}

/** Assets that users have registered, after `afterAsset`, of which the text is a part of the name or the asset. */
export async function readRegisteredAssets(
  db: Reader,
  text: string | null,
  afterAsset: string,
): Promise<{ readonly asset: string; readonly name: string }[]> {
  const { results } = await db
    .prepare(REGISTERED_ASSETS)
    .bind(afterAsset, text?.toUpperCase() ?? null)
    .all<{ readonly asset: string; readonly name: string }>()
  return results
}

const REGISTERED_ASSETS = `
SELECT asset, name FROM assets
WHERE asset > ?1 AND (?2 IS NULL OR instr(upper(asset), ?2) > 0 OR instr(upper(name), ?2) > 0) ORDER BY asset`

/**
 * Assets of one database in the order of their names' code points, those after `afterAsset`.
 *
 * @param named found by another name than their own
 */
export async function readAssets(
  db: Reader,
  exchanges: readonly string[],
  text: string | null,
  named: readonly string[],
  afterAsset: string,
  limit: number,
): Promise<AssetRow[]> {
  const { results } = await db
    .prepare(ASSETS)
    .bind(afterAsset, JSON.stringify(exchanges), text?.toUpperCase() ?? null, limit, JSON.stringify(named))
    .all<{ readonly asset: string; readonly exchanges: string; readonly instruments: number }>()
  return results.map((row) => ({ ...row, exchanges: row.exchanges.split(',') }))
}
