import { and, desc, eq, isNull, type SQL, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/d1'
import type { Clock } from '../domain/clock.ts'
import type { InstrumentKind, SymbolQuery } from '../domain/instrument.ts'
import { type Interval, isInterval, type Window } from '../domain/interval.ts'
import type { StoredInstrument } from '../domain/series.ts'
import { coverage, exchanges, instrumentAliases, instruments, series } from './schema.ts'
import type { Reader } from './sessions.ts'
import { storedInstrument } from './stored-instrument.ts'
import type { Stores } from './stores.ts'

/** An instrument and which series of it there are. What answers say of their data is not here: it is read with the data. */
export interface CatalogEntry {
  readonly instrument: StoredInstrument
  readonly series: readonly SeriesKey[]
}

export interface SeriesKey {
  readonly id: number
  readonly interval: Interval
  readonly source: string
  readonly isRecorded: boolean
  /** Where to look for candles in it: from the first slot that is covered, or recorded, to the last that was covered
   *  lately; without end where it is recorded. May have holes; empty where there is nothing yet. */
  readonly reach: Window
}

/** Instruments and the set of series change rarely; another isolate's change is seen after this at the latest. */
const KEPT_MS = 30_000
/** About 1 kB each: bounds the memory of an isolate that is asked for every symbol there is. */
const MAX_ENTRIES = 5_000

/** Finds instruments by the names that callers use, and remembers them for a while. */
export class Catalog {
  readonly #stores: Stores
  readonly #clock: Clock
  #own: { readonly names: readonly string[]; readonly until: number } | undefined
  readonly #listed = new Set<string>()
  readonly #entries = new Map<string, { readonly entry: CatalogEntry; readonly until: number }>()

  constructor(stores: Stores, clock: Clock) {
    this.#stores = stores
    this.#clock = clock
  }

  /** The instrument that trades under a name today, else the one that did last, also before it was renamed. */
  async find(exchange: string, query: SymbolQuery): Promise<CatalogEntry | undefined> {
    const key = `${exchange} ${nameOf(query)}`
    const kept = this.#entries.get(key)
    const now = this.#clock.now()
    if (kept !== undefined && now < kept.until) return kept.entry
    this.#entries.delete(key)
    const entry = await readEntry(this.#stores.storeFor(exchange), exchange, query)
    if (entry !== undefined) this.#keep(key, entry, now)
    return entry
  }

  /** The exchanges that users have registered, by name. */
  async ownExchanges(): Promise<readonly string[]> {
    const now = this.#clock.now()
    if (this.#own !== undefined && now < this.#own.until) return this.#own.names
    const rows = await drizzle(this.#stores.main).select({ name: exchanges.exchange }).from(exchanges)
    const names = rows.map(({ name }) => name).sort()
    this.#own = { names, until: now + KEPT_MS }
    return names
  }

  /** Whether an exchange's own list of such instruments has ever been read: once it has, it stays so. */
  async hasListed(exchange: string, kind: InstrumentKind): Promise<boolean> {
    const key = `${exchange} ${kind}`
    if (this.#listed.has(key)) return true
    const row = await drizzle(this.#stores.storeFor(exchange))
      .select({ id: instruments.id })
      .from(instruments)
      .where(
        and(
          eq(instruments.exchange, exchange),
          eq(instruments.kind, kind),
          eq(instruments.listed, true),
          eq(instruments.registered, false),
        ),
      )
      .get()
    if (row !== undefined) this.#listed.add(key)
    return row !== undefined
  }

  /** Forgets everything: this isolate has changed the set of series. */
  clear(): void {
    this.#own = undefined
    this.#entries.clear()
  }

  #keep(key: string, entry: CatalogEntry, now: number): void {
    const oldest = this.#entries.size < MAX_ENTRIES ? undefined : this.#entries.keys().next().value
    if (oldest !== undefined) this.#entries.delete(oldest)
    this.#entries.set(key, { entry, until: now + KEPT_MS })
  }
}

async function readEntry(db: D1Database, exchange: string, query: SymbolQuery): Promise<CatalogEntry | undefined> {
  return (await readNamed(db, exchange, isNamed(query))) ?? readNamed(db, exchange, wasNamed(exchange, query))
}

async function readNamed(db: D1Database, exchange: string, named: SQL | undefined): Promise<CatalogEntry | undefined> {
  const rows = await drizzle(db)
    .select({ instruments, series, coveredFrom: COVERED_FROM, coveredTo: COVERED_TO })
    .from(instruments)
    .leftJoin(series, eq(series.instrumentId, instruments.id))
    .where(and(eq(instruments.exchange, exchange), named))
    .orderBy(desc(isNull(instruments.validTo)), desc(instruments.validTo), desc(instruments.id))
  const [first] = rows
  if (first === undefined) return undefined
  const keys: SeriesKey[] = []
  for (const row of rows) {
    if (row.series === null || row.instruments.id !== first.instruments.id || !isInterval(row.series.interval)) continue
    const { id, interval, source, recordedFrom } = row.series
    keys.push({ id, interval, source, isRecorded: recordedFrom !== null, reach: reachOf(recordedFrom, row) })
  }
  return { instrument: storedInstrument(first.instruments), series: keys }
}

/** Whether a row of `instruments` is what a caller has named. */
export function isNamed(query: SymbolQuery): SQL | undefined {
  if (query.by === 'symbol') return eq(instruments.symbol, query.symbol)
  return and(
    eq(instruments.kind, query.kind),
    eq(sql`upper(${instruments.base} || ${instruments.quote})`, query.joined),
  )
}

/** Whether a row of `instruments` had the symbol that a caller has named before it was renamed. */
export function wasNamed(exchange: string, query: SymbolQuery): SQL {
  if (query.by === 'joined') return sql`false`
  return sql`${instruments.id} IN (SELECT ${instrumentAliases.instrumentId} FROM ${instrumentAliases}
    WHERE ${instrumentAliases.exchange} = ${exchange} AND ${instrumentAliases.symbol} = ${query.symbol})`
}

const COVERED_FROM = sql<number | null>`(SELECT min(start_time) FROM ${coverage} WHERE series_id = ${series.id})`
const COVERED_TO = sql<
  number | null
>`(SELECT end_time FROM ${coverage} WHERE series_id = ${series.id} ORDER BY start_time DESC LIMIT 1)`

interface CoveredRow {
  readonly coveredFrom: number | null
  readonly coveredTo: number | null
}

function reachOf(recordedFrom: number | null, { coveredFrom, coveredTo }: CoveredRow): Window {
  if (recordedFrom === null) return { start: coveredFrom ?? 0, end: coveredTo ?? 0 }
  return { start: Math.min(recordedFrom, coveredFrom ?? recordedFrom), end: Number.POSITIVE_INFINITY }
}

/** Many instruments of one exchange at once, in the order of the queries; `undefined` for an unknown name. */
export async function readInstruments(
  db: Reader,
  exchange: string,
  queries: readonly SymbolQuery[],
): Promise<(NamedInstrument | undefined)[]> {
  const { results } = await db
    .prepare(NAMED_INSTRUMENTS)
    .bind(exchange, JSON.stringify(queries.map(nameOf)))
    .all<NamedInstrument & { readonly name: string; readonly joined: string | null }>()
  // Those that trade today come last, so that they win.
  const byName = new Map(results.flatMap((row) => [[row.name, row] as const, [row.joined, row] as const]))
  return queries.map((query) => {
    const found = byName.get(nameOf(query))
    return found && { id: found.id, symbol: found.symbol }
  })
}

export interface NamedInstrument {
  readonly id: number
  readonly symbol: string
}

/** Unambiguous: no symbol holds a space. */
function nameOf(query: SymbolQuery): string {
  return query.by === 'symbol' ? query.symbol : `${query.kind} ${query.joined}`
}

const JOINED_NAME = `kind || ' ' || upper(base || quote)`

const NAMED_INSTRUMENTS = `
SELECT id, symbol, name, joined FROM (
  SELECT id, symbol, symbol AS name, ${JOINED_NAME} AS joined, 1 AS is_current, valid_to FROM instruments
  WHERE exchange = ?1 AND (symbol IN (SELECT value FROM json_each(?2)) OR ${JOINED_NAME} IN (SELECT value FROM json_each(?2)))
  UNION ALL
  SELECT i.id, i.symbol, a.symbol, NULL, 0, i.valid_to FROM instrument_aliases a JOIN instruments i ON i.id = a.instrument_id
  WHERE a.exchange = ?1 AND a.symbol IN (SELECT value FROM json_each(?2))
)
ORDER BY is_current, valid_to IS NULL, valid_to, id`
