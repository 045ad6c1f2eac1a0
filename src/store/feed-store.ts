import { and, desc, eq, isNotNull, isNull, type SQL, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/d1'
import { alias } from 'drizzle-orm/sqlite-core'
import { type Candle, candleFault } from '../domain/candle.ts'
import { parseSymbol } from '../domain/instrument.ts'
import { floorToInterval, type Interval, isInterval, nextOpenTime } from '../domain/interval.ts'
import type { Chunk, StoredInstrument } from '../domain/series.ts'
import type { TradeChunk, TradeSpan } from '../domain/trade-chunk.ts'
import { isNamed, wasNamed } from './catalog.ts'
import { chunkStatements, type Lease, underLease } from './chunk.ts'
import { instruments, series } from './schema.ts'
import { storedInstrument } from './stored-instrument.ts'
import { PRUNE_ROWS, pruneStatements, tradeStatements } from './trades.ts'

/** A recorded series of the exchange's own data. */
export interface RecordedSeries {
  readonly seriesId: number
  readonly instrument: StoredInstrument
  readonly interval: Interval
}

/** An instrument that is halted or delisted. */
export interface EndedInstrument {
  readonly id: number
  /** Listed under the same name since; `null` where none is. */
  readonly successor: StoredInstrument | null
}

/** A candle that the exchange, or the clock, has closed. */
export interface ClosedCandle {
  readonly seriesId: number
  readonly interval: Interval
  readonly candle: Candle
}

/** What the feed of one exchange reads and writes; every write carries its lease. */
export class FeedStore {
  /** One batch is one transaction: more would come near the thousand statements that an invocation may send. */
  static readonly CANDLES_PER_BATCH = 100
  /** So that a batch stays far below what a request to the database may hold. */
  static readonly CHUNKS_PER_BATCH = 200
  readonly #db: D1Database
  readonly #lease: Lease
  readonly #newId: () => string

  constructor(db: D1Database, lease: Lease, newId: () => string) {
    this.#db = db
    this.#lease = lease
    this.#newId = newId
  }

  /** The listed instrument that a symbol of ours or an id of zvt names, one that trades before one that is halted. */
  async readInstrument(symbol: string): Promise<StoredInstrument | undefined> {
    const query = parseSymbol(symbol)
    if (query === undefined) return undefined
    const { exchange } = this.#lease
    return (await this.#readNamed(isNamed(query))) ?? this.#readNamed(wasNamed(exchange, query))
  }

  async #readNamed(named: SQL | undefined): Promise<StoredInstrument | undefined> {
    const [row] = await drizzle(this.#db)
      .select()
      .from(instruments)
      .where(and(eq(instruments.exchange, this.#lease.exchange), named, eq(instruments.listed, true)))
      .orderBy(desc(isNull(instruments.validTo)), desc(instruments.id))
      .limit(1)
    return row === undefined ? undefined : storedInstrument(row)
  }

  /** The recorded series of instruments that trade. */
  async readRecorded(): Promise<RecordedSeries[]> {
    const rows = await drizzle(this.#db)
      .select()
      .from(series)
      .innerJoin(instruments, eq(instruments.id, series.instrumentId))
      .where(
        and(
          isNotNull(series.recordedFrom),
          eq(series.source, 'exchange'),
          eq(instruments.exchange, this.#lease.exchange),
          isNull(instruments.validTo),
        ),
      )
    return rows.flatMap(({ series: { id, interval }, instruments: instrument }) =>
      isInterval(interval) ? [{ seriesId: id, instrument: storedInstrument(instrument), interval }] : [],
    )
  }

  /** Which of some instruments do not trade any more, halted ones included, and what trades in their place. */
  async readEnded(ids: readonly number[]): Promise<EndedInstrument[]> {
    const successors = alias(instruments, 'successors')
    const rows = await drizzle(this.#db)
      .select({ id: instruments.id, successor: successors })
      .from(instruments)
      .leftJoin(
        successors,
        and(
          eq(successors.exchange, instruments.exchange),
          eq(successors.kind, instruments.kind),
          eq(successors.exchangeSymbol, instruments.exchangeSymbol),
          eq(successors.listed, true),
          isNull(successors.validTo),
        ),
      )
      .where(
        and(
          sql`${instruments.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`,
          isNotNull(instruments.validTo),
        ),
      )
    return rows.map(({ id, successor }) => ({ id, successor: successor === null ? null : storedInstrument(successor) }))
  }

  /**
   * Stores closed candles, each with its coverage in one transaction. They count as read too soon to be final, so that
   * the loader reads them once more; those that break a rule go to quarantine, and the loader asks for them.
   *
   * @param readAt ms UTC on the exchange's clock
   * @throws AppError `stale_lease`
   */
  async writeCandles(closed: readonly ClosedCandle[], readAt: number): Promise<void> {
    for (let start = 0; start < closed.length; start += FeedStore.CANDLES_PER_BATCH) {
      const some = closed.slice(start, start + FeedStore.CANDLES_PER_BATCH)
      const statements = some.flatMap((candle) => chunkStatements(this.#db, chunkOf(candle, readAt), this.#newId()))
      await underLease(this.#db, this.#lease, statements)
    }
  }

  /**
   * Stores trades, what was lost of them, and when they were listened to. The same chunks may be written again.
   *
   * @param heard since the last call: what begins where a stored span ends lengthens it
   * @throws AppError `stale_lease`
   */
  async writeTrades(chunks: readonly TradeChunk[], heard: readonly TradeSpan[]): Promise<void> {
    for (let start = 0; start < chunks.length; start += FeedStore.CHUNKS_PER_BATCH) {
      const some = chunks.slice(start, start + FeedStore.CHUNKS_PER_BATCH)
      await underLease(this.#db, this.#lease, await tradeStatements(this.#db, some, []))
    }
    // Last: what was heard is claimed only once it is stored.
    if (heard.length > 0) await underLease(this.#db, this.#lease, await tradeStatements(this.#db, [], heard))
  }

  /**
   * Deletes the trades of minutes that ended before a time, ms UTC.
   *
   * @throws AppError `stale_lease`
   */
  async pruneTrades(before: number): Promise<void> {
    for (let isCut = true; isCut; ) {
      const results = await underLease(this.#db, this.#lease, pruneStatements(this.#db, this.#lease.exchange, before))
      isCut = results.some(({ meta }) => meta.changes >= PRUNE_ROWS)
    }
  }
}

function chunkOf({ seriesId, interval, candle }: ClosedCandle, readAt: number): Chunk {
  const start = floorToInterval(candle.openTime, interval)
  const window = { start, end: nextOpenTime(start, interval) }
  const fault = candleFault(candle, interval, window)
  const bad = fault === undefined ? [] : [{ openTime: candle.openTime, reason: fault, raw: JSON.stringify(candle) }]
  return {
    seriesId,
    interval,
    window,
    candles: fault === undefined ? [candle] : [],
    absent: [],
    bad,
    readAt,
    // Read as soon as it closed: what is verified ends before it.
    verifiedTo: start,
  }
}
