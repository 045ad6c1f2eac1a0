import { sliceBySize } from '../domain/columns.ts'
import type { BatchMark, InstrumentRecords, Written } from '../domain/ingest.ts'
import type { Reader } from './sessions.ts'
import { floorToMinute } from './trade-pages.ts'

/** One kind of records that users send, as the table of ingested chunks keeps it. `R`: as sent, `S`: as stored. */
export interface IngestedChannel<R extends Timed, S extends Timed> {
  readonly name: 'trades' | 'book'
  /** What tells one record from another within its minute. */
  keyOf(record: R | S): string | number
  /** Whether sending the record changes nothing: the one that was received first stands. */
  isSame(stored: S, sent: R): boolean
  /** The times at which an earlier version of a record can stand, from and to inclusive. */
  reach(record: R): readonly [from: number, to: number]
  /** @param number counts the records of a part, from 0 */
  toStored(record: R, receivedTime: number, number: number): S
  slice(records: readonly S[]): readonly (readonly S[])[]
  encode(records: readonly S[]): Promise<Uint8Array>
  decode(bytes: Uint8Array): Promise<S[]>
}

interface Timed {
  readonly exchangeTime: number
}

/** The records of a batch that fall in one minute of one instrument. */
interface Touched<R> {
  readonly instrumentId: number
  readonly minute: number
  /** Times at which earlier versions may stand, inclusive. */
  from: number
  to: number
  readonly records: Map<string | number, R>
  /** Keys of records that are stored already, and whether as they were sent. Kept up while stored parts are read. */
  readonly stored: Map<string | number, boolean>
}

interface PartKey {
  readonly instrumentId: number
  readonly minute: number
  readonly part: string
  readonly slice: number
  readonly bytes: number
}

/** So much JSON a statement: a bound value may hold 2 MB. https://developers.cloudflare.com/d1/platform/limits/ */
const MAX_JSON_LENGTH = 1_000_000
/** Compressed chunks that are held in memory at a time. */
const MAX_READ_BYTES = 1_000_000
/** Digits of a time in the name of a part: parts ascend as text. */
const TIME_DIGITS = 15

/**
 * Stores what is new of a batch, and what is said otherwise than before, as one part of each minute that it touches, in
 * one transaction. Nothing that is stored is ever changed: whatever other writers do at the same time, nothing is lost;
 * of two versions of one record the last part counts.
 */
export async function writeIngested<R extends Timed, S extends Timed>(
  db: Reader,
  channel: IngestedChannel<R, S>,
  groups: readonly InstrumentRecords<R>[],
  { source, batchId, receivedTime }: BatchMark,
): Promise<Written> {
  const counts = { accepted: 0, unchanged: 0, revised: 0 }
  const touched = byMinute(channel, groups)
  if (touched.size === 0) return counts
  const newest = await readStored(db, channel, source, touched)
  // Above what it replaces, though the clock of its writer may have run ahead of ours.
  const part = `${String(Math.max(receivedTime, newest + 1)).padStart(TIME_DIGITS, '0')}-${batchId}`
  const rows: string[] = []
  for (const minute of touched.values()) {
    const changed = [...minute.records].filter(([key]) => minute.stored.get(key) !== true).map(([, record]) => record)
    rows.push(...(await partRows(channel, minute, changed, receivedTime)))
  }
  const inserts = jsonLists(rows).map((json) => db.prepare(INSERT).bind(channel.name, source, part, json))
  if (inserts.length > 0) await db.batch(inserts)
  for (const { records, stored } of touched.values()) {
    for (const key of records.keys()) counts[verdictOf(stored.get(key))] += 1
  }
  return counts
}

function verdictOf(isSame: boolean | undefined): keyof Written {
  if (isSame === undefined) return 'accepted'
  return isSame ? 'unchanged' : 'revised'
}

function byMinute<R extends Timed, S extends Timed>(
  channel: IngestedChannel<R, S>,
  groups: readonly InstrumentRecords<R>[],
): ReadonlyMap<string, Touched<R>> {
  const touched = new Map<string, Touched<R>>()
  for (const { instrumentId, records } of groups) {
    for (const record of records) {
      const minute = floorToMinute(record.exchangeTime)
      const [from, to] = channel.reach(record)
      const key = minuteKey(instrumentId, minute)
      const found = touched.get(key) ?? { instrumentId, minute, from, to, records: new Map(), stored: new Map() }
      found.from = Math.min(found.from, from)
      found.to = Math.max(found.to, to)
      found.records.set(channel.keyOf(record), record)
      touched.set(key, found)
    }
  }
  return touched
}

function minuteKey(instrumentId: number, minute: number): string {
  return `${instrumentId} ${minute}`
}

/** Compares what is stored with what was sent. @returns the time in the name of the newest part that was looked at */
async function readStored<R extends Timed, S extends Timed>(
  db: Reader,
  channel: IngestedChannel<R, S>,
  source: string,
  touched: ReadonlyMap<string, Touched<R>>,
): Promise<number> {
  const minutes = [...touched.values()].map(({ instrumentId, minute, from, to }) =>
    JSON.stringify([instrumentId, minute, from, to]),
  )
  const lists = jsonLists(minutes).map((json) => db.prepare(PARTS).bind(channel.name, source, json))
  const keys = (await db.batch<PartKey>(lists)).flatMap(({ results }) => results)
  for (const some of byBytes(keys)) {
    const wanted = some.map(({ instrumentId, minute, part, slice }) => [instrumentId, minute, part, slice])
    const { results } = await db.prepare(DATA).bind(channel.name, source, JSON.stringify(wanted)).all<DataRow>()
    for (const { instrumentId, minute, data } of results) {
      const sent = touched.get(minuteKey(instrumentId, minute))
      if (sent !== undefined) compare(channel, sent, await channel.decode(Uint8Array.from(data)))
    }
  }
  return keys.reduce((newest, { part }) => Math.max(newest, Number(part.slice(0, TIME_DIGITS))), 0)
}

/** Parts come in their order: what the last one says of a record stands. */
function compare<R extends Timed, S extends Timed>(
  channel: IngestedChannel<R, S>,
  { records, stored }: Touched<R>,
  part: readonly S[],
): void {
  for (const record of part) {
    const key = channel.keyOf(record)
    const sent = records.get(key)
    if (sent !== undefined) stored.set(key, channel.isSame(record, sent))
  }
}

/** A row of {@link firstTimeStatement}. */
export interface FirstTimeRow {
  readonly firstTime: number | null
}

/** When the first record of an instrument and source was, for a batch. See {@link firstTimeIn}. */
export function firstTimeStatement(
  db: Reader,
  channel: 'trades' | 'book',
  instrumentId: number,
  source: string,
): D1PreparedStatement {
  return db.prepare(FIRST_TIME).bind(instrumentId, channel, source)
}

/** ms UTC; `null` where there is no record. */
export function firstTimeIn(rows: readonly object[] = []): number | null {
  return rows.find((row): row is FirstTimeRow => 'firstTime' in row)?.firstTime ?? null
}

/** Runs of parts whose chunks fit in memory. */
function byBytes(keys: readonly PartKey[]): (readonly PartKey[])[] {
  return sliceBySize(keys, ({ bytes }) => bytes, MAX_READ_BYTES)
}

/** The rows that hold the records as one part of their minute, as JSON. */
async function partRows<R extends Timed, S extends Timed>(
  channel: IngestedChannel<R, S>,
  { instrumentId, minute }: Touched<R>,
  records: readonly R[],
  receivedTime: number,
): Promise<string[]> {
  const sorted = records.toSorted((a, b) => a.exchangeTime - b.exchangeTime)
  const stored = sorted.map((record, number) => channel.toStored(record, receivedTime, number))
  return Promise.all(
    channel.slice(stored).map(async (slice, index) => {
      const times = [slice[0]?.exchangeTime ?? minute, slice.at(-1)?.exchangeTime ?? minute]
      const data = toHex(await channel.encode(slice))
      return JSON.stringify([instrumentId, minute, index, slice.length, ...times, data])
    }),
  )
}

/** JSON lists that a statement can take each. */
function jsonLists(rows: readonly string[]): string[] {
  return sliceBySize(rows, ({ length }) => length + 1, MAX_JSON_LENGTH).map((some) => `[${some.join()}]`)
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte] ?? ''
  return text
}

interface DataRow {
  readonly instrumentId: number
  readonly minute: number
  readonly data: readonly number[]
}

/** All rows of a batch as one value, whatever their number: a parameter a column would be a hundred statements. */
const INSERT = `
INSERT INTO ingested_chunks
  (instrument_id, channel, source, minute, part, slice, count, first_time, last_time, data)
SELECT value->>0, ?1, ?2, value->>1, ?3, value->>2, value->>3, value->>4, value->>5, unhex(value->>6)
FROM json_each(?4)`

const PARTS = `
SELECT c.instrument_id AS instrumentId, c.minute, c.part, c.slice, length(c.data) AS bytes
FROM json_each(?3) AS sent CROSS JOIN ingested_chunks AS c
ON c.instrument_id = sent.value->>0 AND c.channel = ?1 AND c.source = ?2 AND c.minute = sent.value->>1
WHERE c.last_time >= sent.value->>2 AND c.first_time <= sent.value->>3
ORDER BY c.instrument_id, c.minute, c.part, c.slice`

const DATA = `
SELECT c.instrument_id AS instrumentId, c.minute, c.data
FROM json_each(?3) AS wanted CROSS JOIN ingested_chunks AS c
ON c.instrument_id = wanted.value->>0 AND c.channel = ?1 AND c.source = ?2 AND c.minute = wanted.value->>1
  AND c.part = wanted.value->>2 AND c.slice = wanted.value->>3
ORDER BY wanted.key`

/** The first minute is found by the key: only its chunks are looked at. */
const FIRST_TIME = `
SELECT min(first_time) AS firstTime FROM ingested_chunks
WHERE instrument_id = ?1 AND channel = ?2 AND source = ?3 AND minute = (
  SELECT min(minute) FROM ingested_chunks WHERE instrument_id = ?1 AND channel = ?2 AND source = ?3)`
