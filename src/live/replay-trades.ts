import type { StoredTrade, TradeGap } from '../domain/trade-chunk.ts'
import type { ReplayRecord } from './replay-records.ts'

/** Stored trades of the next stretch of the exchange's time, and where some are missing of it. */
export interface TradePage {
  readonly trades: readonly StoredTrade[]
  /** Half-open, within the stretch. */
  readonly gaps: readonly TradeGap[]
  /** The end of the stretch, where the next one begins; ms UTC. */
  readonly readTo: number
}

/** An exchange's clock runs ahead of ours by less: no trade is received earlier than this before its own time. */
const MAX_CLOCK_LEAD_MS = 60_000
/**
 * Trades that were recovered after an outage wait for those that were received before them. Some 20 MB of them may; of
 * more, those that are first so far go on.
 */
const MAX_HELD = 50_000

/** When a trade could be known, ms UTC. */
export type KnownAt = (trade: StoredTrade) => number

/**
 * Puts trades, which are stored by the exchange's time, in the order in which they were known: by `receivedTime`, unless
 * another time is given, then `seq`. Each gap comes right before the first trade after it, when its end has passed.
 */
export class TradeOrder {
  readonly #knownAt: KnownAt
  #held: StoredTrade[] = []
  /** Ascending by what follows them. */
  #gaps: TradeGap[] = []
  #readTo = Number.NEGATIVE_INFINITY
  /** Of the newest record. */
  #time = Number.NEGATIVE_INFINITY

  constructor(knownAt: KnownAt = ({ receivedTime }) => receivedTime) {
    this.#knownAt = knownAt
  }

  /** @returns what nothing can precede any more */
  take({ trades, gaps, readTo }: TradePage): ReplayRecord[] {
    this.#addGaps(gaps)
    this.#readTo = readTo
    this.#held = [...this.#held, ...trades].sort((a, b) => this.#knownAt(a) - this.#knownAt(b) || a.seq - b.seq)
    const known = this.#held.findIndex((trade) => this.#knownAt(trade) >= readTo - MAX_CLOCK_LEAD_MS)
    const count = Math.max(known < 0 ? this.#held.length : known, this.#held.length - MAX_HELD)
    return this.#release(this.#held.splice(0, count))
  }

  /** @returns all the rest */
  end(): ReplayRecord[] {
    const records = this.#release(this.#held.splice(0))
    while (this.#gaps.length > 0) records.push(this.#releaseGap(Number.POSITIVE_INFINITY))
    return records
  }

  #release(trades: readonly StoredTrade[]): ReplayRecord[] {
    const records: ReplayRecord[] = []
    for (const trade of trades) {
      const knownAt = this.#knownAt(trade)
      for (let gap = this.#gaps[0]; gap !== undefined && trade.exchangeTime >= followsFrom(gap); gap = this.#gaps[0])
        records.push(this.#releaseGap(knownAt))
      this.#time = Math.max(this.#time, knownAt)
      records.push({ kind: 'trade', time: this.#time, trade })
    }
    return records
  }

  /** @param latest when what comes next was known */
  #releaseGap(latest: number): ReplayRecord {
    const { from = 0, to = 0, reason = '' } = this.#gaps.shift() ?? {}
    this.#time = Math.max(this.#time, Math.min(to, latest))
    return { kind: 'gap', time: this.#time, gap: { from, to, reason } }
  }

  /** A gap that a page had to cut off goes on in the next one. */
  #addGaps(gaps: readonly TradeGap[]): void {
    for (const gap of gaps) {
      const isRest = ({ to, reason }: TradeGap) => to === this.#readTo && gap.from === to && gap.reason === reason
      const index = this.#gaps.findIndex(isRest)
      const begun = this.#gaps[index]
      if (begun === undefined) this.#gaps.push(gap)
      else this.#gaps[index] = { ...begun, to: gap.to }
    }
    this.#gaps.sort((a, b) => followsFrom(a) - followsFrom(b))
  }
}

/** The least exchange time of a trade that is known to stand behind a gap: that of its end, unless it is its start too. */
function followsFrom({ from, to }: TradeGap): number {
  return Math.max(to - 1, from + 1)
}

/** The records of all pages, some at a time. */
export async function* replayTrades(
  pages: AsyncIterable<TradePage>,
  knownAt?: KnownAt,
): AsyncGenerator<readonly ReplayRecord[]> {
  const order = new TradeOrder(knownAt)
  for await (const page of pages) yield order.take(page)
  yield order.end()
}
