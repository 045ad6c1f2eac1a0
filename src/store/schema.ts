import { sql } from 'drizzle-orm'
import { blob, check, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'

/**
 * One database holds all of it by default; an exchange with a database of its own keeps everything but `backfills`
 * there. Times are ms UTC, decimals TEXT in canonical form. Tables marked WITHOUT ROWID are so in the migration:
 * drizzle cannot say it.
 */

/** Exchanges that users have registered, to bring data of their own. Always in the main database. */
export const exchanges = sqliteTable('exchanges', {
  exchange: text('exchange').primaryKey(),
  name: text('name').notNull(),
  registeredAt: integer('registered_at').notNull(),
})

/** Assets that users have registered; others are known by what trades in them. Always in the main database. */
export const assets = sqliteTable('assets', {
  asset: text('asset').primaryKey(),
  name: text('name').notNull(),
  registeredAt: integer('registered_at').notNull(),
})

/** What can be traded. Never deleted: `valid_to` ends it, a relisting is a new row. */
export const instruments = sqliteTable(
  'instruments',
  {
    id: integer('id').primaryKey(),
    exchange: text('exchange').notNull(),
    kind: text('kind', { enum: ['spot', 'perpetual'] }).notNull(),
    symbol: text('symbol').notNull(),
    exchangeSymbol: text('exchange_symbol').notNull(),
    base: text('base').notNull(),
    quote: text('quote').notNull(),
    settle: text('settle'),
    inverse: integer('inverse', { mode: 'boolean' }).notNull(),
    contractSize: text('contract_size'),
    tickSize: text('tick_size'),
    lotSize: text('lot_size'),
    active: integer('active', { mode: 'boolean' }).notNull(),
    /** Whether the exchange's list still names it, be it halted. */
    listed: integer('listed', { mode: 'boolean' }).notNull().default(true),
    listedAt: integer('listed_at'),
    validFrom: integer('valid_from').notNull(),
    /** Since when it is halted or delisted; moved to the close of its last candle once that is found. */
    validTo: integer('valid_to'),
    endFound: integer('end_found', { mode: 'boolean' }).notNull().default(false),
    /** Registered by a user: the exchange's own list neither names nor ends it. */
    registered: integer('registered', { mode: 'boolean' }).notNull().default(false),
  },
  (table) => [
    uniqueIndex('instruments_current').on(table.exchange, table.kind, table.exchangeSymbol).where(sql`listed`),
    index('instruments_by_symbol').on(table.exchange, table.symbol),
  ],
)

/** Symbols that instruments had before they were renamed. Kept by a trigger. WITHOUT ROWID. */
export const instrumentAliases = sqliteTable(
  'instrument_aliases',
  {
    exchange: text('exchange').notNull(),
    symbol: text('symbol').notNull(),
    instrumentId: integer('instrument_id').notNull(),
  },
  (table) => [primaryKey({ columns: [table.exchange, table.symbol, table.instrumentId] })],
)

/** Listed instruments that cannot be named or read, kept as they came. */
export const rejectedInstruments = sqliteTable(
  'rejected_instruments',
  {
    exchange: text('exchange').notNull(),
    kind: text('kind').notNull(),
    exchangeSymbol: text('exchange_symbol').notNull(),
    reason: text('reason').notNull(),
    raw: text('raw').notNull(),
    firstSeen: integer('first_seen').notNull(),
    lastSeen: integer('last_seen').notNull(),
  },
  (table) => [primaryKey({ columns: [table.exchange, table.kind, table.exchangeSymbol] })],
)

/** One instrument at one interval from one source. */
export const series = sqliteTable(
  'series',
  {
    id: integer('id').primaryKey(),
    instrumentId: integer('instrument_id')
      .notNull()
      .references(() => instruments.id),
    interval: text('interval').notNull(),
    source: text('source').notNull(),
    /** Recorded without end from here on; `null` where only backfills asked for it. */
    recordedFrom: integer('recorded_from'),
    /** Open time of the first candle that exists; `null` until it is found. */
    firstCandleTime: integer('first_candle_time'),
    /** Candles that open before this were read at least 10 minutes after they closed. */
    verifiedTo: integer('verified_to'),
    /** Counts changes of what had been stored; appending does not count. Kept by triggers. */
    revision: integer('revision').notNull().default(0),
    /** Counts writes of any kind. */
    version: integer('version').notNull().default(0),
    failures: integer('failures').notNull().default(0),
    nextAttemptAt: integer('next_attempt_at').notNull().default(0),
    lastError: text('last_error'),
  },
  (table) => [uniqueIndex('series_key').on(table.instrumentId, table.interval, table.source)],
)

/** Closed candles only. WITHOUT ROWID, no secondary index: each would be one more billed row a write. */
export const candles = sqliteTable(
  'candles',
  {
    seriesId: integer('series_id').notNull(),
    openTime: integer('open_time').notNull(),
    open: text('open').notNull(),
    high: text('high').notNull(),
    low: text('low').notNull(),
    close: text('close').notNull(),
    volume: text('volume').notNull(),
    quoteVolume: text('quote_volume'),
    tradeCount: integer('trade_count'),
    revision: integer('revision').notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.seriesId, table.openTime] })],
)

/** What candles were before they were revised; `revision` is that of the old one. Kept by a trigger. WITHOUT ROWID. */
export const candleChanges = sqliteTable(
  'candle_changes',
  {
    seriesId: integer('series_id').notNull(),
    openTime: integer('open_time').notNull(),
    revision: integer('revision').notNull(),
    open: text('open').notNull(),
    high: text('high').notNull(),
    low: text('low').notNull(),
    close: text('close').notNull(),
    volume: text('volume').notNull(),
  },
  (table) => [primaryKey({ columns: [table.seriesId, table.openTime, table.revision] })],
)

/** Slots that had been asked for in vain before their candle came. Kept by a trigger. WITHOUT ROWID. */
export const lateCandles = sqliteTable(
  'late_candles',
  {
    seriesId: integer('series_id').notNull(),
    openTime: integer('open_time').notNull(),
  },
  (table) => [primaryKey({ columns: [table.seriesId, table.openTime] })],
)

/** Slots in which, as the exchange itself says, nothing traded. WITHOUT ROWID. */
export const emptySlots = sqliteTable(
  'empty_slots',
  {
    seriesId: integer('series_id').notNull(),
    openTime: integer('open_time').notNull(),
    confirmedAt: integer('confirmed_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.seriesId, table.openTime] })],
)

/** Slots that were asked for and are neither stored nor proven empty. WITHOUT ROWID. */
export const gaps = sqliteTable(
  'gaps',
  {
    seriesId: integer('series_id').notNull(),
    openTime: integer('open_time').notNull(),
    reason: text('reason').notNull(),
    firstSeen: integer('first_seen').notNull(),
    attempts: integer('attempts').notNull(),
    nextAttemptAt: integer('next_attempt_at').notNull(),
    lastError: text('last_error'),
    /** When an answer that proves absence first lacked the slot; `null` before that. */
    absentSince: integer('absent_since'),
  },
  (table) => [primaryKey({ columns: [table.seriesId, table.openTime] })],
)

/** Records that were refused, as they came. */
export const quarantine = sqliteTable(
  'quarantine',
  {
    id: integer('id').primaryKey(),
    seriesId: integer('series_id').notNull(),
    /** -1 where the record's time could not be read. */
    openTime: integer('open_time').notNull(),
    reason: text('reason').notNull(),
    raw: text('raw').notNull(),
    firstSeen: integer('first_seen').notNull(),
    lastSeen: integer('last_seen').notNull(),
    timesSeen: integer('times_seen').notNull(),
  },
  (table) => [uniqueIndex('quarantine_key').on(table.seriesId, table.openTime, table.reason, table.raw)],
)

/** Cache of which slots are present or empty, as maximal half-open ranges; always equal to its recount. WITHOUT ROWID. */
export const coverage = sqliteTable(
  'coverage',
  {
    seriesId: integer('series_id').notNull(),
    startTime: integer('start_time').notNull(),
    endTime: integer('end_time').notNull(),
    /** Marks the batch that wrote the row, so that the same batch can delete the ones it replaced. */
    writtenBy: text('written_by').notNull(),
  },
  (table) => [primaryKey({ columns: [table.seriesId, table.startTime] })],
)

/** Candles of a day and longer, derived from a stored series over complete, verified input. Triggers delete stale ones. */
export const rollups = sqliteTable(
  'rollups',
  {
    seriesId: integer('series_id').notNull(),
    interval: text('interval').notNull(),
    openTime: integer('open_time').notNull(),
    closeTime: integer('close_time').notNull(),
    open: text('open').notNull(),
    high: text('high').notNull(),
    low: text('low').notNull(),
    close: text('close').notNull(),
    volume: text('volume').notNull(),
    quoteVolume: text('quote_volume'),
    tradeCount: integer('trade_count'),
  },
  (table) => [primaryKey({ columns: [table.seriesId, table.interval, table.openTime] })],
)

/** Requests to fill the past. Always in the main database; their windows stand with the series. */
export const backfills = sqliteTable('backfills', {
  id: text('id').primaryKey(),
  /** JSON: what was asked for. */
  request: text('request').notNull(),
  createdAt: integer('created_at').notNull(),
  cancelledAt: integer('cancelled_at'),
})

export const backfillWindows = sqliteTable(
  'backfill_windows',
  {
    backfillId: text('backfill_id').notNull(),
    seriesId: integer('series_id').notNull(),
    startTime: integer('start_time').notNull(),
    endTime: integer('end_time').notNull(),
    /** Slots that were covered already when it was asked for: they do not count for the rate. */
    coveredBefore: integer('covered_before').notNull(),
    finishedAt: integer('finished_at'),
    cancelledAt: integer('cancelled_at'),
  },
  (table) => [
    primaryKey({ columns: [table.backfillId, table.seriesId] }),
    index('backfill_windows_by_series').on(table.seriesId),
  ],
)

/**
 * Trades as the feed heard them, of one instrument in one minute: `data` is what `encodeTrades` makes of them. Kept for
 * a day or so. WITHOUT ROWID: an index beside it would double the rows written.
 */
export const tradeChunks = sqliteTable(
  'trade_chunks',
  {
    instrumentId: integer('instrument_id').notNull(),
    minute: integer('minute').notNull(),
    epoch: text('epoch').notNull(),
    part: integer('part').notNull(),
    /** A part that is too large for one row continues in the next ones. */
    slice: integer('slice').notNull(),
    count: integer('count').notNull(),
    firstId: text('first_id').notNull(),
    lastId: text('last_id').notNull(),
    firstTime: integer('first_time').notNull(),
    lastTime: integer('last_time').notNull(),
    data: blob('data').notNull(),
  },
  (table) => [primaryKey({ columns: [table.instrumentId, table.minute, table.epoch, table.part, table.slice] })],
)

/** When a feed listened to the trades of an instrument. Beyond these, nothing is known. WITHOUT ROWID. */
export const tradeSpans = sqliteTable(
  'trade_spans',
  {
    instrumentId: integer('instrument_id').notNull(),
    fromTime: integer('from_time').notNull(),
    toTime: integer('to_time').notNull(),
  },
  (table) => [primaryKey({ columns: [table.instrumentId, table.fromTime] })],
)

/** Times of which trades were lost while a feed listened. WITHOUT ROWID. */
export const tradeGaps = sqliteTable(
  'trade_gaps',
  {
    instrumentId: integer('instrument_id').notNull(),
    fromTime: integer('from_time').notNull(),
    toTime: integer('to_time').notNull(),
    reason: text('reason').notNull(),
  },
  (table) => [primaryKey({ columns: [table.instrumentId, table.fromTime, table.toTime] })],
)

/**
 * Trades and order books that users have sent, of one instrument and source in one minute, compressed. Parts are only
 * ever added: of one record that stands in several, the last part counts. WITHOUT ROWID.
 */
export const ingestedChunks = sqliteTable(
  'ingested_chunks',
  {
    instrumentId: integer('instrument_id').notNull(),
    channel: text('channel', { enum: ['trades', 'book'] }).notNull(),
    source: text('source').notNull(),
    minute: integer('minute').notNull(),
    /** Ascends as text in the order in which parts were taken in. */
    part: text('part').notNull(),
    slice: integer('slice').notNull(),
    count: integer('count').notNull(),
    firstTime: integer('first_time').notNull(),
    lastTime: integer('last_time').notNull(),
    data: blob('data').notNull(),
  },
  (table) => [
    primaryKey({
      columns: [table.instrumentId, table.channel, table.source, table.minute, table.part, table.slice],
    }),
  ],
)

/** Requests that carried an `Idempotency-Key`, kept for a day. Always in the main database. */
export const idempotencyKeys = sqliteTable(
  'idempotency_keys',
  {
    key: text('key').primaryKey(),
    /** Method, path and query: a key is for one request. */
    request: text('request').notNull(),
    state: text('state', { enum: ['running', 'done'] }).notNull(),
    createdAt: integer('created_at').notNull(),
    /** While it runs: when it last went on. */
    touchedAt: integer('touched_at').notNull(),
  },
  (table) => [index('idempotency_keys_by_creation').on(table.createdAt)],
)

/** What each batch of such a request was, and what it was answered. WITHOUT ROWID. */
export const idempotencyBatches = sqliteTable(
  'idempotency_batches',
  {
    key: text('key').notNull(),
    number: integer('number').notNull(),
    digest: text('digest').notNull(),
    answer: text('answer').notNull(),
  },
  (table) => [primaryKey({ columns: [table.key, table.number] })],
)

/** Funding of perpetuals, as settled. WITHOUT ROWID. */
export const fundingRates = sqliteTable(
  'funding_rates',
  {
    instrumentId: integer('instrument_id').notNull(),
    fundingTime: integer('funding_time').notNull(),
    rate: text('rate').notNull(),
    markPrice: text('mark_price'),
    indexPrice: text('index_price'),
    revision: integer('revision').notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.instrumentId, table.fundingTime] })],
)

/** Times of which every funding rate is stored, as maximal half-open ranges. WITHOUT ROWID. */
export const fundingCoverage = sqliteTable(
  'funding_coverage',
  {
    instrumentId: integer('instrument_id').notNull(),
    startTime: integer('start_time').notNull(),
    endTime: integer('end_time').notNull(),
    /** Marks the batch that wrote the row, so that the same batch can delete the ones it replaced. */
    writtenBy: text('written_by').notNull(),
  },
  (table) => [primaryKey({ columns: [table.instrumentId, table.startTime] })],
)

/** Times of which funding rates were asked for in vain. WITHOUT ROWID. */
export const fundingGaps = sqliteTable(
  'funding_gaps',
  {
    instrumentId: integer('instrument_id').notNull(),
    startTime: integer('start_time').notNull(),
    endTime: integer('end_time').notNull(),
    reason: text('reason', { enum: ['absent', 'out_of_reach'] }).notNull(),
    attempts: integer('attempts').notNull(),
    nextAttemptAt: integer('next_attempt_at').notNull(),
    /** When an answer that proves absence first lacked them; `null` before that. */
    absentSince: integer('absent_since'),
    writtenBy: text('written_by').notNull(),
  },
  (table) => [primaryKey({ columns: [table.instrumentId, table.startTime] })],
)

/** How the loading of an instrument's funding rates stands. */
export const fundingState = sqliteTable('funding_state', {
  instrumentId: integer('instrument_id').primaryKey(),
  failures: integer('failures').notNull().default(0),
  nextAttemptAt: integer('next_attempt_at').notNull().default(0),
  lastError: text('last_error'),
})

/** What the checks of quality have found. */
export const findings = sqliteTable(
  'findings',
  {
    id: integer('id').primaryKey(),
    seriesId: integer('series_id').notNull(),
    kind: text('kind').notNull(),
    severity: text('severity').notNull(),
    /** The candles that it is about, half-open. */
    startTime: integer('start_time').notNull(),
    endTime: integer('end_time').notNull(),
    /** JSON: what was seen, and against what. */
    evidence: text('evidence').notNull(),
    firstSeen: integer('first_seen').notNull(),
    lastSeen: integer('last_seen').notNull(),
    state: text('state', { enum: ['open', 'resolved'] }).notNull(),
  },
  (table) => [
    uniqueIndex('findings_key').on(table.seriesId, table.kind, table.startTime),
    index('findings_by_start').on(table.startTime),
    index('findings_by_end').on(table.endTime),
  ],
)

/** How far the checks have come in each series: forwards with the present, and backwards with the past as it is loaded. */
export const checkedSeries = sqliteTable('checked_series', {
  seriesId: integer('series_id').primaryKey(),
  checkedFrom: integer('checked_from').notNull(),
  checkedTo: integer('checked_to').notNull(),
  checkedAt: integer('checked_at').notNull(),
  /** That of the series when it was checked: while it is the same, there is nothing new to check. */
  version: integer('version').notNull(),
})

/**
 * Windows that have been checked and must be once more: a trigger notes the day of what was revised or filled in since,
 * and a check notes what the series of other exchanges were checked without. WITHOUT ROWID.
 */
export const rechecks = sqliteTable(
  'rechecks',
  {
    seriesId: integer('series_id').notNull(),
    startTime: integer('start_time').notNull(),
    endTime: integer('end_time').notNull(),
    /** Whether candles of the series itself have changed, so that others must be held against them again. */
    changed: integer('changed', { mode: 'boolean' }).notNull(),
    /** Whether a check is under way: what is noted from then on outlives it. */
    begun: integer('begun', { mode: 'boolean' }).notNull().default(false),
  },
  (table) => [primaryKey({ columns: [table.seriesId, table.startTime] })],
)

/**
 * Who may write for an exchange. A writer sets `writer` to its generation in the same batch as its data; the check
 * makes a batch of an older generation fail as a whole.
 */
export const leases = sqliteTable(
  'leases',
  {
    exchange: text('exchange').notNull(),
    role: text('role').notNull(),
    generation: integer('generation').notNull(),
    writer: integer('writer').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.exchange, table.role] }),
    check('lease_is_current', sql`writer = generation`),
  ],
)
