import { compareDecimals, ZERO } from '../domain/decimal.ts'
import { kindOfSymbol } from '../domain/instrument.ts'
import { feesOf } from '../domain/own-fees.ts'
import type { ClientTopic } from '../domain/topic.ts'
import { type Arbitrage, bestArbitrage, takerFeeOf } from './arbitrage.ts'
import { type BookReading, consolidate, type ExchangeBbo, type LeftOut, sortOut } from './consolidated.ts'
import { TopicLine } from './messages.ts'

/** While nothing changes but the times of books, clients hear of those so often: ages tell who is alive. */
const REFRESH_MS = 1_000

/** What an `arbitrage` message says. */
interface ArbitrageData {
  /** Whether what pays best is at or above the threshold. */
  readonly above: boolean
  /** What pays best; `null` while there are no two exchanges to compare. */
  readonly best: Arbitrage | null
  readonly leftOut: readonly LeftOut[]
}

interface View {
  readonly data: object
  /** All in it that is worth a message. */
  readonly content: string
  /** What changes without being worth one each time. */
  readonly times: string
}

/** The messages of one topic across exchanges: one for each change, and now and then one for the times. */
export class AcrossLine {
  readonly topic: ClientTopic
  /** Changes whenever the numbers begin anew. */
  readonly epoch: string
  readonly #line: TopicLine
  readonly #view: (readings: readonly BookReading[]) => View
  #shown: View | null = null
  #shownAt = 0

  constructor(topic: ClientTopic, epoch: string) {
    this.topic = topic
    this.epoch = epoch
    this.#line = new TopicLine(topic, null)
    this.#view = topic.channel === 'bbo' ? viewBbo : (readings) => viewArbitrage(topic, readings)
  }

  get key(): string {
    return this.#line.key
  }

  get seq(): number {
    return this.#line.seq
  }

  /** How things stand, for one who has just subscribed. */
  state(readings: readonly BookReading[], now: number): string {
    const view = this.#view(readings)
    if (this.#shown === null) this.#show(view, now)
    return this.#line.state(null, now, JSON.stringify(view.data))
  }

  /** The next message; `null` where nothing is worth one. */
  update(readings: readonly BookReading[], now: number): string | null {
    const view = this.#view(readings)
    const shown = this.#shown
    const isRefresh = shown?.times !== view.times && now - this.#shownAt >= REFRESH_MS
    if (shown?.content === view.content && !isRefresh) return null
    this.#show(view, now)
    return this.#line.next(null, now, JSON.stringify(view.data))
  }

  #show(view: View, now: number): void {
    this.#shown = view
    this.#shownAt = now
  }
}

/**
 * A feed sends the best levels when they change, and says so when it doubts a book or hears nothing though there is
 * newer data; a link that is silent is closed. A book that has not changed for long is then a quiet one, of any age.
 */
const NO_LIMIT = Number.POSITIVE_INFINITY

function viewBbo(readings: readonly BookReading[]): View {
  const data = consolidate(readings, NO_LIMIT)
  return { data, content: contentOf(data.exchanges) + reasonsOf(data.leftOut), times: timesOf(data.exchanges) }
}

/**
 * By the readings that it was found in, and the fees: topics that differ in nothing but the threshold share it, however
 * many there are.
 */
const opportunities = new WeakMap<readonly BookReading[], Map<string | undefined, Opportunity>>()

type Opportunity = Pick<ArbitrageData, 'best' | 'leftOut'>

function findOpportunity({ symbol, fees }: ClientTopic, readings: readonly BookReading[]): Opportunity {
  const known = opportunities.get(readings) ?? new Map<string | undefined, Opportunity>()
  opportunities.set(readings, known)
  const shared = known.get(fees)
  if (shared !== undefined) return shared
  const { exchanges, leftOut } = sortOut(readings, NO_LIMIT)
  const takerFee = takerFeeOf(kindOfSymbol(symbol ?? ''), fees === undefined ? undefined : feesOf(fees))
  const found = { best: bestArbitrage(exchanges, takerFee), leftOut }
  known.set(fees, found)
  return found
}

/** Below the threshold nothing is worth a message but that it is so. */
function viewArbitrage(topic: ClientTopic, readings: readonly BookReading[]): View {
  const { best, leftOut } = findOpportunity(topic, readings)
  const { threshold = ZERO } = topic
  const above = best !== null && compareDecimals(best.netPercent, threshold) >= 0
  const data: ArbitrageData = { above, best, leftOut }
  if (!above) return { data, content: 'below', times: '' }
  const { buy, sell } = best
  const content = [buy, sell].map((leg) => `${leg.exchange} ${leg.symbol} ${leg.price} ${leg.size}`).join()
  return { data, content, times: timesOf([buy, sell]) }
}

function contentOf(books: readonly ExchangeBbo[]): string {
  return books
    .map(({ exchange, symbol, bid, ask }) => [exchange, symbol, bid?.price, bid?.size, ask?.price, ask?.size].join(' '))
    .join()
}

/** Details may count milliseconds. */
function reasonsOf(leftOut: readonly LeftOut[]): string {
  return leftOut.map(({ exchange, symbol, reason }) => `|${exchange} ${symbol} ${reason}`).join('')
}

function timesOf(books: readonly { readonly receivedTime: number }[]): string {
  return books.map(({ receivedTime }) => receivedTime).join()
}
