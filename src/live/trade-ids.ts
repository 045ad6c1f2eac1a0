import type { TradeEvent } from '../domain/event.ts'
import { KnownIds } from './known-ids.ts'

/**
 * Where a trade stands to those that have been published:
 * - `next`: nothing says that one is missing before it;
 * - `ahead`: its id says that others are missing before it;
 * - `late`: older than the last, and none that was published;
 * - `known`: published before, or too old to tell;
 * - `anew`: its id is low though its time is not: the exchange counts from the beginning again.
 */
export type TradePlace = 'next' | 'ahead' | 'late' | 'known' | 'anew'

/** How far the trades of an instrument have come: what is needed to see whether any was missed since. */
export interface TradeMark {
  readonly id: string
  /** ms UTC by the exchange's clock. */
  readonly exchangeTime: number
  /** The newest published ids, oldest first; empty where ids count up. */
  readonly recentIds: readonly string[]
}

/** What the ids of an exchange tell about the trades of one instrument. */
export interface TradeIds {
  /** Whether a gap between ids shows that a trade is missing, and its absence that none is. */
  readonly areConsecutive: boolean
  /** The newest trade that was published; `null` before the first. */
  readonly last: Pick<TradeMark, 'id' | 'exchangeTime'> | null
  mark(): TradeMark | null
  place(trade: TradeEvent): TradePlace
  /** The trade has been published, whatever was missing before it. */
  add(trade: TradeEvent): void
}

/** A trade that is this much newer than one of a higher id was not merely delivered late. */
const RESTART_MS = 60_000

/** Holes that stay open to a late trade. An older one belongs to an outage long told. */
const REMEMBERED_HOLES = 100

interface MissingIds {
  readonly after: string
  readonly before: string
}

/**
 * Ids that count up by one, so that all of them are known from the last and the holes: the memory needed is constant.
 * They are whole numbers in canonical text, and may exceed 2^53.
 */
export class ConsecutiveIds implements TradeIds {
  readonly areConsecutive = true
  #last: Pick<TradeMark, 'id' | 'exchangeTime'> | null
  #missing: readonly MissingIds[] = []

  constructor(mark: TradeMark | null) {
    this.#last = mark
  }

  get last(): Pick<TradeMark, 'id' | 'exchangeTime'> | null {
    return this.#last
  }

  mark(): TradeMark | null {
    return this.#last === null ? null : { id: this.#last.id, exchangeTime: this.#last.exchangeTime, recentIds: [] }
  }

  place({ id, exchangeTime }: TradeEvent): TradePlace {
    const last = this.#last
    if (last === null || isNextId(last.id, id)) return 'next'
    if (compareIds(id, last.id) > 0) return 'ahead'
    if (exchangeTime > last.exchangeTime + RESTART_MS) return 'anew'
    return this.#missing.some((hole) => holds(hole, id)) ? 'late' : 'known'
  }

  add(trade: TradeEvent): void {
    switch (this.place(trade)) {
      case 'ahead':
        if (this.#last !== null) this.#remember({ after: this.#last.id, before: trade.id })
        break
      case 'late':
        this.#missing = this.#missing.flatMap((hole) => without(hole, trade.id))
        return
      case 'anew':
        this.#missing = []
        break
      case 'next':
        break
      case 'known':
        return
    }
    this.#last = trade
  }

  #remember(hole: MissingIds): void {
    this.#missing = [...this.#missing.slice(1 - REMEMBERED_HOLES), hole]
  }
}

/** Duplicates are recognised over so many trades. */
const REMEMBERED_IDS = 5_000

/** A mark carries so many ids: enough for those of the last millisecond, which REST may list in another order. */
export const MARKED_IDS = 50

/** Ids that only tell trades apart: each is kept for a while, and what is older than all that are kept is let go. */
export class OpaqueIds implements TradeIds {
  readonly areConsecutive = false
  readonly #known = new KnownIds(REMEMBERED_IDS)
  /** Those that a mark carries, oldest first. */
  readonly #newest: string[] = []
  /** The exchange time up to which ids have been forgotten. */
  #forgottenTo = Number.NEGATIVE_INFINITY
  #last: Pick<TradeMark, 'id' | 'exchangeTime'> | null

  constructor(mark: TradeMark | null) {
    this.#last = mark
    for (const id of mark?.recentIds ?? []) this.#keep(id, Number.NEGATIVE_INFINITY)
  }

  get last(): Pick<TradeMark, 'id' | 'exchangeTime'> | null {
    return this.#last
  }

  mark(): TradeMark | null {
    if (this.#last === null) return null
    return { id: this.#last.id, exchangeTime: this.#last.exchangeTime, recentIds: [...this.#newest] }
  }

  place({ id, exchangeTime }: TradeEvent): TradePlace {
    if (this.#known.has(id) || exchangeTime <= this.#forgottenTo) return 'known'
    return this.#last !== null && exchangeTime < this.#last.exchangeTime ? 'late' : 'next'
  }

  add(trade: TradeEvent): void {
    this.#keep(trade.id, trade.exchangeTime)
    if (this.#last === null || trade.exchangeTime >= this.#last.exchangeTime) this.#last = trade
  }

  #keep(id: string, exchangeTime: number): void {
    if (this.#known.has(id)) return
    const forgotten = this.#known.add(id, exchangeTime)
    if (forgotten !== null) this.#forgottenTo = Math.max(this.#forgottenTo, forgotten)
    this.#newest.push(id)
    if (this.#newest.length > MARKED_IDS) this.#newest.shift()
  }
}

/** Negative, zero or positive as the whole number `a` is below, equal to or above `b`. */
export function compareIds(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a === b ? 0 : a < b ? -1 : 1
}

const DIGITS = /^\d+$/

function isNextId(after: string, id: string): boolean {
  const number = Number(id)
  if (Number.isSafeInteger(number)) return number - Number(after) === 1
  return DIGITS.test(after) && DIGITS.test(id) && BigInt(id) - BigInt(after) === 1n
}

function holds({ after, before }: MissingIds, id: string): boolean {
  return compareIds(after, id) < 0 && compareIds(id, before) < 0
}

/** What is left of a hole once `id` has come. */
function without(hole: MissingIds, id: string): readonly MissingIds[] {
  if (!holds(hole, id)) return [hole]
  const parts = [
    { after: hole.after, before: id },
    { after: id, before: hole.before },
  ]
  return parts.filter(({ after, before }) => !isNextId(after, before))
}
