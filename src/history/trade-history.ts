import type { Instrument } from '../domain/instrument.ts'
import type { Trade } from '../domain/trade.ts'
import type { RestApi, RestCall, TradeHistory } from '../exchanges/connector.ts'
import type { Sent } from './http.ts'

/** What is missing between two trades that are known; `null` where none is known on that side. */
export interface TradeHole {
  readonly afterId: string | null
  readonly beforeId: string | null
}

export interface FoundTrades {
  /** Ascending, each once, all of them inside the hole. */
  readonly trades: readonly Trade[]
  /** Whether the exchange has no others there. */
  readonly isComplete: boolean
}

export type NoTrades = Exclude<Sent<never>, { readonly kind: 'answer' }>
type Page = readonly Trade[]
export type SendTrades = (call: RestCall<Page>) => Promise<Sent<Page>>

/** What takes more is too large to be filled while its feed waits. */
const MAX_PAGES = 20
/** More than any exchange gives at once: each cuts it to what it has. */
const MOST_RECENT = 1_000
/** REST may lag behind the stream: so often it is asked again for what must be there, as it has been streamed. */
const MAX_PAUSES = 3

/**
 * The trades of a hole: page by page toward its other end where old trades can be asked for by their ids, which then
 * are consecutive integers; else as far as the most recent ones reach back.
 *
 * @param pause waits a moment for an exchange whose REST lags behind
 * @returns what stood in the way, where nothing could be had at all; what was found before that is incomplete
 */
export async function readTradeHole(
  rest: RestApi,
  instrument: Instrument,
  hole: TradeHole,
  send: SendTrades,
  pause: () => Promise<void>,
): Promise<FoundTrades | NoTrades> {
  const { tradeHistory } = rest
  const search = new Search(hole, send, pause)
  try {
    if (tradeHistory?.from === 'newest') return await search.readBackward(tradeHistory, instrument)
    if (tradeHistory?.from === 'oldest' && hole.afterId !== null) {
      return await search.readForward(tradeHistory, instrument, hole.afterId)
    }
    return await search.readRecent(rest.trades(instrument, MOST_RECENT))
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error
    return search.pages === 0 ? error.reason : search.found(false)
  }
}

/** A page that could not be had: ends the search. */
class Interrupted extends Error {
  readonly reason: NoTrades

  constructor(reason: NoTrades) {
    super(reason.kind)
    this.reason = reason
  }
}

class Search {
  readonly #hole: TradeHole
  readonly #send: SendTrades
  readonly #pause: () => Promise<void>
  readonly #trades = new Map<string, Trade>()
  pages = 0

  constructor(hole: TradeHole, send: SendTrades, pause: () => Promise<void>) {
    this.#hole = hole
    this.#send = send
    this.#pause = pause
  }

  /** Ids need not be numbers here: the order of the list is theirs. */
  async readRecent(call: RestCall<Page>): Promise<FoundTrades> {
    const page = await this.#read(call)
    const after = page.findIndex(({ id }) => id === this.#hole.afterId)
    const before = page.findIndex(({ id }) => id === this.#hole.beforeId)
    const trades = page.slice(after + 1, before < 0 ? undefined : before)
    return { trades, isComplete: after >= 0 && (before >= 0 || this.#hole.beforeId === null) }
  }

  async readForward(
    history: Extract<TradeHistory, { from: 'oldest' }>,
    instrument: Instrument,
    afterId: string,
  ): Promise<FoundTrades> {
    const { beforeId } = this.#hole
    for (let last = afterId, pauses = 0; this.pages < MAX_PAGES; ) {
      const page = await this.#read(history.page(instrument, last))
      this.#keep(page)
      last = page.at(-1)?.id ?? last
      const isShort = page.length < history.pageSize
      if (beforeId === null ? isShort : BigInt(last) + 1n >= BigInt(beforeId)) return this.found(true)
      if (!isShort) continue
      if (pauses === MAX_PAUSES) break
      pauses += 1
      await this.#pause()
    }
    return this.found(false)
  }

  async readBackward(history: Extract<TradeHistory, { from: 'newest' }>, instrument: Instrument): Promise<FoundTrades> {
    const { afterId } = this.#hole
    const newest = await this.#readNewest(history, instrument)
    this.#keep(newest.page)
    for (let { page } = newest; ; ) {
      const [first] = page
      if (first === undefined || page.length < history.pageSize) return this.found(newest.isCertain)
      // Without a known trade before the hole there is no telling how far it reaches.
      if (afterId === null) return this.found(false)
      if (BigInt(first.id) <= BigInt(afterId) + 1n) return this.found(newest.isCertain)
      if (this.pages >= MAX_PAGES) return this.found(false)
      page = await this.#read(history.page(instrument, first.id))
      this.#keep(page)
    }
  }

  /**
   * The page before the end of the hole. Where it does not end right there, either those ids were never trades, or REST
   * has not got them yet: it has, as soon as its newest trades reach beyond the hole.
   */
  async #readNewest(
    history: Extract<TradeHistory, { from: 'newest' }>,
    instrument: Instrument,
  ): Promise<{ readonly page: Page; readonly isCertain: boolean }> {
    const { beforeId } = this.#hole
    for (let pauses = 0, isCertain = false; ; pauses += 1) {
      const page = await this.#read(history.page(instrument, beforeId))
      const last = page.at(-1)
      if (isCertain || beforeId === null) return { page, isCertain: true }
      if (last !== undefined && BigInt(last.id) + 1n >= BigInt(beforeId)) return { page, isCertain: true }
      if (pauses === MAX_PAUSES) return { page, isCertain: false }
      const newest = (await this.#read(history.page(instrument, null))).at(-1)
      isCertain = newest !== undefined && BigInt(newest.id) >= BigInt(beforeId)
      if (!isCertain) await this.#pause()
    }
  }

  async #read(call: RestCall<Page>): Promise<Page> {
    const sent = await this.#send(call)
    if (sent.kind !== 'answer') throw new Interrupted(sent)
    this.pages += 1
    return sent.value
  }

  #keep(page: Page): void {
    const { afterId, beforeId } = this.#hole
    for (const trade of page) {
      const id = BigInt(trade.id)
      const isInside = (afterId === null || id > BigInt(afterId)) && (beforeId === null || id < BigInt(beforeId))
      if (isInside) this.#trades.set(trade.id, trade)
    }
  }

  found(isComplete: boolean): FoundTrades {
    const trades = [...this.#trades.values()].sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1))
    return { trades, isComplete }
  }
}
