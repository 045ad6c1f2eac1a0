import type { Instrument, InstrumentKind, RejectedRecord } from '../domain/instrument.ts'

/** The statements that take in one whole list of a kind: new ones, changes, delistings, and what cannot be read. */
export function replaceInstrumentsStatements(
  db: D1Database,
  exchange: string,
  kind: InstrumentKind,
  instruments: readonly Instrument[],
  rejected: readonly RejectedRecord[],
  now: number,
): D1PreparedStatement[] {
  const rejects = rejected.map(({ exchangeSymbol, reason, raw }) => [exchangeSymbol ?? '', reason, raw])
  return [
    ...slices(instruments).map((slice) => db.prepare(UPSERT).bind(exchange, kind, instrumentsJson(slice), now)),
    db.prepare(DELIST).bind(exchange, kind, JSON.stringify(instruments.map((i) => i.exchangeSymbol)), now),
    db.prepare(UPSERT_REJECTED).bind(exchange, kind, JSON.stringify(rejects), now),
  ]
}

/** Keeps a bound value far below D1's 2 MB. https://developers.cloudflare.com/d1/platform/limits/ */
const SLICE = 2_000

function slices(instruments: readonly Instrument[]): (readonly Instrument[])[] {
  return Array.from({ length: Math.ceil(instruments.length / SLICE) }, (_, index) =>
    instruments.slice(index * SLICE, (index + 1) * SLICE),
  )
}

function instrumentsJson(instruments: readonly Instrument[]): string {
  const rows = instruments.map((i) => [
    i.symbol,
    i.exchangeSymbol,
    i.base,
    i.quote,
    i.settle,
    Number(i.inverse),
    i.contractSize,
    i.tickSize,
    i.lotSize,
    Number(i.active),
    i.listedAt,
  ])
  return JSON.stringify(rows)
}

/**
 * One that the list shows as halted ends now, until it trades again; one that trades again after it had gone from the
 * list is a new row. One that a user has registered becomes the exchange's own.
 */
const UPSERT = `
INSERT INTO instruments (exchange, kind, symbol, exchange_symbol, base, quote, settle, inverse, contract_size,
  tick_size, lot_size, active, listed_at, valid_from, valid_to)
SELECT ?1, ?2, value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8,
  value->>9, value->>10, ?4, CASE WHEN value->>9 THEN NULL ELSE ?4 END
FROM json_each(?3) WHERE true
ON CONFLICT (exchange, kind, exchange_symbol) WHERE listed DO UPDATE SET
  symbol = excluded.symbol, base = excluded.base, quote = excluded.quote, settle = excluded.settle,
  inverse = excluded.inverse, contract_size = excluded.contract_size, tick_size = excluded.tick_size,
  lot_size = excluded.lot_size, active = excluded.active, listed_at = excluded.listed_at, registered = 0,
  valid_to = CASE WHEN excluded.active THEN NULL ELSE coalesce(valid_to, ?4) END,
  end_found = end_found AND NOT excluded.active
WHERE registered OR (symbol, base, quote, settle, inverse, contract_size, tick_size, lot_size, active, listed_at)
  IS NOT (excluded.symbol, excluded.base, excluded.quote, excluded.settle, excluded.inverse, excluded.contract_size,
    excluded.tick_size, excluded.lot_size, excluded.active, excluded.listed_at)`

/** Gone from the list: delisted, unless a user has registered it. An exchange that sends an empty list has not delisted all. */
const DELIST = `
UPDATE instruments SET active = 0, listed = 0, valid_to = coalesce(valid_to, ?4)
WHERE exchange = ?1 AND kind = ?2 AND listed AND NOT registered AND json_array_length(?3) > 0
AND exchange_symbol NOT IN (SELECT value FROM json_each(?3))`

const UPSERT_REJECTED = `
INSERT INTO rejected_instruments (exchange, kind, exchange_symbol, reason, raw, first_seen, last_seen)
SELECT ?1, ?2, value->>0, value->>1, value->>2, ?4, ?4 FROM json_each(?3) WHERE true
ON CONFLICT (exchange, kind, exchange_symbol) DO UPDATE SET
  reason = excluded.reason, raw = excluded.raw, last_seen = excluded.last_seen`

/** An instrument that ended did so at `validTo`: what its series lack after that is outside, not a gap. */
export function setEndStatements(db: D1Database, instrumentId: number, validTo: number): D1PreparedStatement[] {
  return [
    db
      .prepare('UPDATE instruments SET valid_to = ?2, end_found = 1 WHERE id = ?1 AND valid_to IS NOT NULL')
      .bind(instrumentId, validTo),
    db
      .prepare(
        'DELETE FROM gaps WHERE open_time >= ?2 AND series_id IN (SELECT id FROM series WHERE instrument_id = ?1)',
      )
      .bind(instrumentId, validTo),
  ]
}
