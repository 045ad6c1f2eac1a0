import type { Candle } from '../domain/candle.ts'
import type { Interval } from '../domain/interval.ts'
import type { LiveTrades, StoredTrade, TradeChunk, TradeGap, TradeSpan } from '../domain/trade-chunk.ts'
import { bytesOfChunks, bytesOfTrade, giveUpOldest, joinGaps, joinSpans } from './given-up-trades.ts'
import { MARKED_IDS, type TradeMark } from './trade-ids.ts'

const MINUTE_MS = 60_000
/** A chunk of trades is closed at this many: well below 256 kB however long their ids are. */
const MOST_TRADES_PER_CHUNK = 2_000
/** Closed candles wait at most this long for others, so that they share a transaction. */
const CANDLE_BATCH_MS = 5_000
/** A minute's trades are complete this long after its end: those that wait for a hole to be filled come 10 s late. */
const CHUNK_SETTLE_MS = 15_000
/** What waits while the database does not answer. Beyond it the oldest is given up: candles are loaded again from
 *  their coverage, trades leave a gap that says so. Trades may take an eighth of the memory of an object: about 100,000
 *  of them, which is an outage of some minutes at 500 a second, and of hours for a feed of quiet instruments. */
const MOST_WAITING_CANDLES = 20_000
const MOST_WAITING_BYTES = 16_000_000
/** With more than this, chunks are closed before their minute is over, the largest first, until half of it is left. */
const MOST_OPEN_BYTES = 4_000_000
/** So much is given up at once: to find out what is the oldest takes a look at all. */
const GIVEN_UP_BYTES = 1_000_000

export interface ClosedCandle {
  readonly instrumentId: number
  readonly interval: Interval
  readonly candle: Candle
}

interface OpenChunk {
  readonly minute: number
  readonly trades: StoredTrade[]
  readonly gaps: TradeGap[]
}

/** What is ripe to be stored, in one transaction or several. */
export interface DueRecords {
  readonly candles: readonly ClosedCandle[]
  readonly chunks: readonly TradeChunk[]
  /** What has been listened to since the last time. */
  readonly heard: readonly TradeSpan[]
}

/** Collects what the feed stores until it is worth a transaction. */
export class Recorder {
  readonly #epoch: string
  readonly #knownTo: (instrumentId: number) => number
  #candles: ClosedCandle[] = []
  #candlesSince = 0
  readonly #open = new Map<number, OpenChunk>()
  #closed: TradeChunk[] = []
  /** About what all trades take that are not stored: of open chunks, closed ones, and those that are being written. */
  #bytes = 0
  readonly #onGivenUp: () => void
  #isGivingUp = false
  /** Since when each instrument is listened to, as far as that is not stored. */
  readonly #heardFrom = new Map<number, number>()
  /** Counts on over all instruments and minutes: however late a trade comes, no chunk is written over by another one. */
  #nextPart = 0
  /** Up to where each instrument is stored. */
  readonly #storedMarks = new Map<number, TradeMark>()
  /** What was listened to and ended, or could not be stored. */
  #heard: TradeSpan[] = []
  /** What is being written: neither in the database for certain, nor waiting. */
  #writing: DueRecords | null = null

  /**
   * @param knownTo up to when all trades of an instrument are known, ms UTC: what is waited for was not heard yet
   * @param onGivenUp trades are given up for the first time since the database last took something
   */
  constructor(epoch: string, knownTo: (instrumentId: number) => number, onGivenUp: () => void) {
    this.#epoch = epoch
    this.#knownTo = knownTo
    this.#onGivenUp = onGivenUp
  }

  addCandle(candle: ClosedCandle, now: number): void {
    if (this.#candles.length === 0) this.#candlesSince = now
    this.#candles.push(candle)
    if (this.#candles.length > MOST_WAITING_CANDLES) this.#candles.shift()
  }

  addTrade(instrumentId: number, trade: StoredTrade): void {
    this.#listen(instrumentId, trade.exchangeTime)
    this.#chunk(instrumentId, trade.exchangeTime).trades.push(trade)
    this.#bytes += bytesOfTrade(trade)
    this.#bound()
  }

  addGap(instrumentId: number, gap: TradeGap): void {
    this.#listen(instrumentId, gap.from)
    this.#chunk(instrumentId, gap.to).gaps.push(gap)
  }

  /** The trades of an instrument are not listened to any more; up to `to` (ms UTC) they were. */
  endTrades(instrumentId: number, to: number): void {
    const open = this.#open.get(instrumentId)
    if (open !== undefined) this.#close(instrumentId, open)
    const from = this.#heardFrom.get(instrumentId)
    this.#heardFrom.delete(instrumentId)
    if (from !== undefined && to > from) this.#heard.push({ instrumentId, from, to })
  }

  /** What is ripe, to be written now: `stored` or `putBack` says what came of it. */
  takeDue(now: number, all = false): DueRecords {
    const settled = all ? now : Math.floor((now - CHUNK_SETTLE_MS) / MINUTE_MS) * MINUTE_MS
    for (const [instrumentId, chunk] of this.#open) if (chunk.minute < settled) this.#close(instrumentId, chunk)
    this.#closeLargest()
    for (const [instrumentId, from] of this.#heardFrom) {
      const to = Math.min(settled, this.#knownTo(instrumentId))
      if (to <= from) continue
      this.#heard.push({ instrumentId, from, to })
      this.#heardFrom.set(instrumentId, to)
    }
    const isRipe = all || now - this.#candlesSince >= CANDLE_BATCH_MS
    const due = { candles: isRipe ? this.#candles : [], chunks: this.#closed, heard: this.#heard }
    if (isRipe) this.#candles = []
    this.#closed = []
    this.#heard = []
    this.#writing = due
    return due
  }

  stored(): void {
    for (const { instrumentId, trades } of this.#writing?.chunks ?? []) {
      const last = trades.at(-1)
      const known = this.#storedMarks.get(instrumentId)
      // One that came late says nothing new.
      if (last === undefined || (known !== undefined && last.exchangeTime < known.exchangeTime)) continue
      const recentIds = trades.slice(-MARKED_IDS).map(({ id }) => id)
      this.#storedMarks.set(instrumentId, { id: last.id, exchangeTime: last.exchangeTime, recentIds })
    }
    this.#bytes -= bytesOfChunks(this.#writing?.chunks ?? [])
    this.#writing = null
    this.#isGivingUp = false
  }

  /** The newest stored trade of an instrument: all that were added before it are stored or given up. */
  storedMark(instrumentId: number): TradeMark | null {
    return this.#storedMarks.get(instrumentId) ?? null
  }

  /** The database did not take it: it waits again. */
  putBack(): void {
    if (this.#writing === null) return
    const { candles, chunks, heard } = this.#writing
    this.#writing = null
    this.#candles = [...candles, ...this.#candles].slice(-MOST_WAITING_CANDLES)
    const [full, bare] = partition([...chunks, ...this.#closed], ({ trades }) => trades.length > 0)
    this.#closed = [...joinGaps(bare), ...full]
    this.#weigh()
    this.#bound()
    this.#heard = joinSpans([...heard, ...this.#heard])
  }

  /** What of an instrument is not in the database. */
  waiting(instrumentId: number, now: number): LiveTrades {
    const ofInstrument = <T extends { readonly instrumentId: number }>(records: readonly T[]) =>
      records.filter((record) => record.instrumentId === instrumentId)
    const open = this.#open.get(instrumentId)
    const closed = ofInstrument([...(this.#writing?.chunks ?? []), ...this.#closed])
    const chunks = [...closed, ...(open ? [open] : [])]
    const spans = ofInstrument([...(this.#writing?.heard ?? []), ...this.#heard])
    const since = this.#heardFrom.get(instrumentId)
    const froms = [...spans.map(({ from }) => from), ...(since === undefined ? [] : [since])]
    const known = Math.max(since ?? 0, Math.min(now, this.#knownTo(instrumentId)))
    const to = since === undefined ? Math.max(...spans.map((span) => span.to)) : known
    return {
      trades: chunks.flatMap(({ trades }) => trades),
      gaps: chunks.flatMap(({ gaps }) => gaps),
      heard: froms.length === 0 ? null : { from: Math.min(...froms), to },
    }
  }

  #listen(instrumentId: number, from: number): void {
    if (!this.#heardFrom.has(instrumentId)) this.#heardFrom.set(instrumentId, from)
  }

  #chunk(instrumentId: number, time: number): OpenChunk {
    const minute = Math.floor(time / MINUTE_MS) * MINUTE_MS
    const open = this.#open.get(instrumentId)
    if (open !== undefined && open.minute === minute && open.trades.length < MOST_TRADES_PER_CHUNK) return open
    if (open !== undefined) this.#close(instrumentId, open)
    const chunk: OpenChunk = { minute, trades: [], gaps: [] }
    this.#open.set(instrumentId, chunk)
    this.#bytes += bytesOfChunks([chunk])
    return chunk
  }

  #close(instrumentId: number, { minute, trades, gaps }: OpenChunk): void {
    this.#open.delete(instrumentId)
    this.#closed.push({ instrumentId, minute, part: this.#nextPart++, epoch: this.#epoch, trades, gaps })
  }

  /** In a busy minute what has not ended would take the room of what the database is yet to take. */
  #closeLargest(): void {
    let bytes = bytesOfChunks(this.#open.values())
    if (bytes <= MOST_OPEN_BYTES) return
    const largest = [...this.#open].sort(([, a], [, b]) => b.trades.length - a.trades.length)
    for (const [instrumentId, chunk] of largest) {
      if (bytes <= MOST_OPEN_BYTES / 2) return
      bytes -= bytesOfChunks([chunk])
      this.#close(instrumentId, chunk)
    }
  }

  /** The oldest trades beyond the limit become gaps, but for those that are being written. */
  #bound(): void {
    if (this.#bytes <= MOST_WAITING_BYTES || !this.#closed.some(({ trades }) => trades.length > 0)) return
    this.#closed = giveUpOldest(this.#closed, this.#bytes - MOST_WAITING_BYTES + GIVEN_UP_BYTES)
    this.#weigh()
    if (this.#isGivingUp) return
    this.#isGivingUp = true
    this.#onGivenUp()
  }

  #weigh(): void {
    const writing = this.#writing?.chunks ?? []
    this.#bytes = bytesOfChunks(writing) + bytesOfChunks(this.#closed) + bytesOfChunks(this.#open.values())
  }
}

function partition<T>(values: readonly T[], holds: (value: T) => boolean): readonly [T[], T[]] {
  return [values.filter(holds), values.filter((value) => !holds(value))]
}
