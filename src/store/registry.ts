import type { Instrument } from '../domain/instrument.ts'
import type { Stores } from './stores.ts'

/** An instrument as a user registers it. */
export interface RegisteredInstrument extends Instrument {
  /** Since when it does not trade any more, ms UTC; `null` while it does. */
  readonly validTo: number | null
}

/**
 * What became of a registration. `listed`: the exchange's own list has the instrument, so nothing is registered;
 * `taken`: another instrument of the exchange has its symbol.
 */
export type Registration = 'created' | 'updated' | 'unchanged' | 'listed' | 'taken'

/** What registering each of the instruments would do, in their order. */
export async function judgeRegistrations(
  stores: Stores,
  instruments: readonly RegisteredInstrument[],
): Promise<Registration[]> {
  const outcomes = new Array<Registration>(instruments.length)
  for (const [db, own] of byDatabase(stores, instruments)) {
    const { results } = await db
      .prepare(JUDGE)
      .bind(JSON.stringify(own.map(([index, instrument]) => [index, ...columnsOf(instrument)])))
      .all<{ readonly place: number; readonly outcome: Registration }>()
    for (const { place, outcome } of results) outcomes[place] = outcome
  }
  return outcomes
}

/**
 * Registers instruments that {@link judgeRegistrations} lets pass, with their exchanges and assets: one transaction a
 * database, and those of other databases than the main one after it. Repeated, it changes nothing.
 *
 * @param exchanges names for people of exchanges that may be new, by exchange
 * @param now ms UTC
 */
export async function registerInstruments(
  stores: Stores,
  exchanges: ReadonlyMap<string, string>,
  instruments: readonly RegisteredInstrument[],
  now: number,
): Promise<void> {
  const { main } = stores
  const assets = new Set(instruments.flatMap(({ base, quote }) => [base, quote]))
  const names = Array.from(assets, (asset) => ({ asset, name: null }))
  const places = byDatabase(stores, instruments)
  await main.batch([
    main.prepare(INSERT_EXCHANGES).bind(JSON.stringify([...exchanges]), now),
    insertAssets(main, names, now),
    upsertInstruments(main, places.get(main) ?? [], now),
  ])
  for (const [db, own] of places) if (db !== main) await upsertInstruments(db, own, now).run()
}

function upsertInstruments(db: D1Database, places: readonly Place[], now: number): D1PreparedStatement {
  const rows = places.map(([index, instrument]) => [index, ...columnsOf(instrument)])
  return db.prepare(UPSERT).bind(JSON.stringify(rows), now)
}

/** An asset that a user registers. */
export interface RegisteredAsset {
  readonly asset: string
  /** For people; `null` leaves it as it is, or the asset's own where it is new. */
  readonly name: string | null
}

/** Registers assets; repeated, it changes nothing. @returns how many rows were new or changed */
export async function registerAssets(stores: Stores, assets: readonly RegisteredAsset[], now: number): Promise<number> {
  const { meta } = await insertAssets(stores.main, assets, now).run()
  return meta.changes
}

function insertAssets(db: D1Database, assets: readonly RegisteredAsset[], now: number): D1PreparedStatement {
  return db.prepare(UPSERT_ASSETS).bind(JSON.stringify(assets.map(({ asset, name }) => [asset, name])), now)
}

type Place = readonly [index: number, instrument: RegisteredInstrument]

function byDatabase(stores: Stores, instruments: readonly RegisteredInstrument[]): Map<D1Database, Place[]> {
  return Map.groupBy([...instruments.entries()], ([, { exchange }]) => stores.storeFor(exchange))
}

function columnsOf(instrument: RegisteredInstrument): (string | number | null)[] {
  const { exchange, kind, symbol, exchangeSymbol, base, quote, settle, inverse, contractSize } = instrument
  const { tickSize, lotSize, active, listedAt, validTo } = instrument
  return [
    ...[exchange, kind, symbol, exchangeSymbol, base, quote, settle, Number(inverse), contractSize],
    ...[tickSize, lotSize, Number(active), listedAt, validTo],
  ]
}

/** The columns of {@link columnsOf}, as they stand behind the index. */
const COLUMNS = `exchange, kind, symbol, exchange_symbol, base, quote, settle, inverse, contract_size, tick_size, lot_size,
  active, listed_at, valid_to`
const VALUES = Array.from({ length: COLUMNS.split(',').length }, (_, index) => `value->>${index + 1}`).join(', ')

const JUDGE = `
SELECT value->>0 AS place, CASE
  WHEN EXISTS (SELECT 1 FROM instruments WHERE exchange = value->>1 AND symbol = value->>3 AND listed
    AND (kind, exchange_symbol) IS NOT (value->>2, value->>4)) THEN 'taken'
  WHEN i.id IS NULL THEN 'created'
  WHEN NOT i.registered THEN 'listed'
  WHEN (i.symbol, i.base, i.quote, i.settle, i.inverse, i.contract_size, i.tick_size, i.lot_size, i.active, i.listed_at,
    i.valid_to) IS (value->>3, value->>5, value->>6, value->>7, value->>8, value->>9, value->>10, value->>11, value->>12,
    value->>13, value->>14) THEN 'unchanged'
  ELSE 'updated' END AS outcome
FROM json_each(?1) LEFT JOIN instruments i
ON i.exchange = value->>1 AND i.kind = value->>2 AND i.exchange_symbol = value->>4 AND i.listed`

const UPSERT = `
INSERT INTO instruments (${COLUMNS}, valid_from, end_found, registered)
SELECT ${VALUES}, coalesce(value->>13, ?2), value->>14 IS NOT NULL, 1 FROM json_each(?1) WHERE true
ON CONFLICT (exchange, kind, exchange_symbol) WHERE listed DO UPDATE SET
  symbol = excluded.symbol, base = excluded.base, quote = excluded.quote, settle = excluded.settle,
  inverse = excluded.inverse, contract_size = excluded.contract_size, tick_size = excluded.tick_size,
  lot_size = excluded.lot_size, active = excluded.active, listed_at = excluded.listed_at,
  valid_to = excluded.valid_to, end_found = excluded.end_found
WHERE registered`

const INSERT_EXCHANGES = `
INSERT INTO exchanges (exchange, name, registered_at)
SELECT value->>0, value->>1, ?2 FROM json_each(?1) WHERE true
ON CONFLICT (exchange) DO UPDATE SET name = excluded.name WHERE name <> excluded.name AND excluded.name <> exchange`

const UPSERT_ASSETS = `
INSERT INTO assets (asset, name, registered_at)
SELECT value->>0, coalesce(value->>1, value->>0), ?2 FROM json_each(?1) WHERE true
ON CONFLICT (asset) DO UPDATE SET name = excluded.name WHERE name <> excluded.name AND excluded.name <> asset`
