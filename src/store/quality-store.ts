import { type CandleLine, parseCandleLine } from '../domain/candle-line.ts'
import { decimal } from '../domain/decimal.ts'
import { shiftOpenTime, type Window } from '../domain/interval.ts'
import { NEIGHBOURS } from '../domain/quality/columns.ts'
import type { Peer } from '../domain/quality/cross-exchange.ts'
import type { Fault } from '../domain/quality/finding.ts'
import type {
  BegunFinding,
  CheckedSeries,
  CheckMaterial,
  CheckProgress,
  CheckRecord,
  Recheck,
  SentSeries,
} from '../domain/quality/series-check.ts'
import { LINE } from './candles.ts'
import { beginRechecks, finishRechecks, noteIfWritten, notePeers, readRechecks } from './rechecks.ts'
import { type ProgressColumns, progressOf, readSentSeries } from './sent-series.ts'
import type { Reader } from './sessions.ts'

/** So many findings are at most half of the 2 MB that D1 allows a value. */
const FINDINGS_PER_STATEMENT = 500

/** The database of each exchange, as one sees it that writes. */
export interface Databases {
  readonly main: Reader
  storeFor(exchange: string): Reader
}

/** What the checks of quality read and write, over all databases. */
export class QualityStore {
  readonly #stores: Databases

  constructor(stores: Databases) {
    this.#stores = stores
  }

  async readProgress(exchange: string, seriesIds: readonly number[]): Promise<CheckProgress[]> {
    const { results } = await this.#stores
      .storeFor(exchange)
      .prepare(PROGRESS)
      .bind(JSON.stringify(seriesIds))
      .all<ProgressColumns>()
    return results.map(progressOf)
  }

  async readOwnExchanges(): Promise<string[]> {
    const { results } = await this.#stores.main.prepare('SELECT exchange FROM exchanges').all<{ exchange: string }>()
    return results.map(({ exchange }) => exchange)
  }

  async readSentSeries(
    exchanges: readonly string[],
    days: { readonly today: number; readonly recheckedFrom: number },
    limit: number,
  ): Promise<SentSeries[]> {
    const found = await this.#ofEach(exchanges, (db, names) => readSentSeries(db, names, days, limit))
    return found.flat().sort((a, b) => (a.progress.checked?.at ?? 0) - (b.progress.checked?.at ?? 0))
  }

  async readRechecks(exchanges: readonly string[], limit: number): Promise<Recheck[]> {
    return (await this.#ofEach(exchanges, (db, names) => readRechecks(db, names, limit))).flat()
  }

  beginRechecks({ id, exchange }: CheckedSeries, starts: readonly number[]): Promise<void> {
    return beginRechecks(this.#stores.storeFor(exchange), id, starts)
  }

  async notePeers(series: CheckedSeries, window: Window, exchanges: readonly string[]): Promise<void> {
    await this.#ofEach(exchanges, (db, names) => notePeers(db, series, window, names))
  }

  async readMaterial(series: CheckedSeries, window: Window, peerExchanges: readonly string[]): Promise<CheckMaterial> {
    const [own, peers] = await Promise.all([
      this.#readOwn(series, window),
      this.#readPeers(series, window, peerExchanges),
    ])
    return { ...own, peers }
  }

  /** One batch: what is found, what is not found any more, and how far the checks have come. */
  async record({ series, window, kinds, faults, now, checked, rechecked }: CheckRecord): Promise<void> {
    const db = this.#stores.storeFor(series.exchange)
    const keys = JSON.stringify(faults.map(({ kind, start }) => [kind, start]))
    const statements: D1PreparedStatement[] = []
    for (let from = 0; from < faults.length; from += FINDINGS_PER_STATEMENT) {
      const rows = faults.slice(from, from + FINDINGS_PER_STATEMENT).map(rowOf)
      statements.push(db.prepare(UPSERT_FINDINGS).bind(series.id, JSON.stringify(rows), now))
    }
    statements.push(db.prepare(RESOLVE_FINDINGS).bind(series.id, window.start, window.end, JSON.stringify(kinds), keys))
    if (checked !== null) {
      const { start, end, version, versionBefore } = checked
      statements.push(
        db.prepare(UPSERT_PROGRESS).bind(series.id, start, end, now, version),
        noteIfWritten(db, series.id, window, versionBefore),
      )
    }
    if (rechecked.length > 0) statements.push(finishRechecks(db, series.id, rechecked))
    await db.batch(statements)
  }

  /** Asks each database once, for those of the exchanges that live in it. */
  #ofEach<T>(exchanges: readonly string[], ask: (db: Reader, names: readonly string[]) => Promise<T>): Promise<T[]> {
    const databases = Map.groupBy(exchanges, (exchange) => this.#stores.storeFor(exchange))
    return Promise.all(Array.from(databases, ([db, names]) => ask(db, names)))
  }

  async #readOwn(
    { id, exchange, interval }: CheckedSeries,
    { start, end }: Window,
  ): Promise<Omit<CheckMaterial, 'peers'>> {
    const db = this.#stores.storeFor(exchange)
    const [before, inside, after, versions, begun] = await db.batch<OwnRow>([
      db.prepare(LINES_BEFORE).bind(id, start, NEIGHBOURS),
      db.prepare(LINES_INSIDE).bind(id, start, end),
      db.prepare(LINES_AFTER).bind(id, end, NEIGHBOURS),
      db.prepare(FIRST_VERSIONS).bind(id, start, end),
      db.prepare(BEGUN).bind(id, start, shiftOpenTime(start, interval, -NEIGHBOURS), end),
    ])
    const rows = [...(before?.results ?? []).reverse(), ...(inside?.results ?? []), ...(after?.results ?? [])]
    const firstVersions = (versions?.results ?? []).flatMap((row) =>
      'first' in row ? [parseCandleLine(row.first)] : [],
    )
    return {
      candles: rows.flatMap((row) => ('line' in row ? [parseCandleLine(row.line)] : [])),
      firstVersions: new Map(firstVersions.map((version) => [version.openTime, version])),
      begun: (begun?.results ?? []).filter((row): row is BegunFinding => 'kind' in row),
    }
  }

  async #readPeers(series: CheckedSeries, { start, end }: Window, exchanges: readonly string[]): Promise<Peer[]> {
    const { symbol, kind, interval } = series
    const found = await this.#ofEach(exchanges, (db, names) =>
      db.prepare(PEERS).bind(JSON.stringify(names), symbol, kind, interval, start, end).all<PeerRow>(),
    )
    const byExchange = Map.groupBy(
      found.flatMap(({ results }) => results),
      ({ exchange }) => exchange,
    )
    return [...byExchange].map(([exchange, rows]) => ({
      exchange,
      closes: new Map(rows.map(({ open_time, close }) => [open_time, decimal(close)])),
    }))
  }
}

type OwnRow = { readonly line: CandleLine } | { readonly first: CandleLine } | BegunFinding

interface PeerRow {
  readonly exchange: string
  readonly open_time: number
  readonly close: string
}

function rowOf({ kind, severity, start, end, evidence }: Fault): (string | number)[] {
  return [kind, severity, start, end, JSON.stringify(evidence)]
}

const PROGRESS = `
SELECT s.id, s.version, c.checked_from, c.checked_to, c.checked_at, c.version AS checked_version
FROM series s LEFT JOIN checked_series c ON c.series_id = s.id WHERE s.id IN (SELECT value FROM json_each(?1))`

const LINES_BEFORE = `
SELECT ${LINE} AS line FROM candles WHERE series_id = ?1 AND open_time < ?2 ORDER BY open_time DESC LIMIT ?3`

const LINES_INSIDE = `
SELECT ${LINE} AS line FROM candles WHERE series_id = ?1 AND open_time >= ?2 AND open_time < ?3 ORDER BY open_time`

const LINES_AFTER = `
SELECT ${LINE} AS line FROM candles WHERE series_id = ?1 AND open_time >= ?2 ORDER BY open_time LIMIT ?3`

/** Of bare columns beside `min`, SQLite takes those of its row: https://www.sqlite.org/lang_select.html#bareagg */
const FIRST_VERSIONS = `
SELECT open_time || ',' || open || ',' || high || ',' || low || ',' || close || ',' || volume || ',,' AS first
FROM (SELECT *, min(revision) FROM candle_changes WHERE series_id = ?1 AND open_time >= ?2 AND open_time < ?3
  GROUP BY open_time)`

const BEGUN = `
SELECT kind, start_time AS start, end_time AS end FROM findings
WHERE series_id = ?1 AND state = 'open' AND ((start_time < ?2 AND end_time >= ?3) OR (start_time < ?4 AND end_time > ?4))`

/** What did not trade has no price to compare. */
const PEERS = `
SELECT i.exchange, c.open_time, c.close
FROM instruments i JOIN series s ON s.instrument_id = i.id JOIN candles c ON c.series_id = s.id
WHERE i.exchange IN (SELECT value FROM json_each(?1)) AND i.symbol = ?2 AND i.kind = ?3
AND s.interval = ?4 AND s.source = 'exchange' AND c.open_time >= ?5 AND c.open_time < ?6 AND c.volume <> '0'`

const UPSERT_FINDINGS = `
INSERT INTO findings (series_id, kind, severity, start_time, end_time, evidence, first_seen, last_seen, state)
SELECT ?1, value->>0, value->>1, value->>2, value->>3, value->>4, ?3, ?3, 'open' FROM json_each(?2) WHERE true
ON CONFLICT (series_id, kind, start_time) DO UPDATE SET
  severity = excluded.severity, end_time = excluded.end_time, evidence = excluded.evidence, last_seen = ?3, state = 'open'`

/** Those that begin in the window, that is: of one that began before it, not all has been looked at. */
const RESOLVE_FINDINGS = `
UPDATE findings SET state = 'resolved'
WHERE series_id = ?1 AND state = 'open' AND start_time >= ?2 AND start_time < ?3
AND kind IN (SELECT value FROM json_each(?4))
AND (kind, start_time) NOT IN (SELECT value->>0, value->>1 FROM json_each(?5))`

/** Checks that overlap in time only ever add to what is checked. */
const UPSERT_PROGRESS = `
INSERT INTO checked_series (series_id, checked_from, checked_to, checked_at, version) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (series_id) DO UPDATE SET checked_from = min(checked_from, ?2), checked_to = max(checked_to, ?3),
  checked_at = max(checked_at, ?4), version = max(version, ?5)`
