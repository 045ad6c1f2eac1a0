import type { TradeEvent } from '../domain/event.ts'
import type { TradeRecovery } from '../exchanges/stream.ts'
import { AskPace } from './ask-pace.ts'
import { TradeHandover } from './trade-handover.ts'
import { ConsecutiveIds, compareIds, OpaqueIds, type TradeIds, type TradeMark } from './trade-ids.ts'
import { type Draft, newDraft, type TradeHole, type TradeOutcome, tell } from './trade-outcome.ts'

/** Trades that follow a hole wait at most so long, and at most so many of them, for REST to fill it. */
const HOLD_MS = 10_000
const HELD_TRADES = 20_000
/** Where ids count up, the next trade shows what was missed: it is waited for so long before REST is asked. */
const NEXT_TRADE_MS = 5_000

export interface TradeLineOptions {
  readonly recovery: TradeRecovery | null
  /** Where an earlier line ended. What it published after the mark is published again. */
  readonly mark?: TradeMark | null
}

interface Doubt {
  readonly since: number
  /** Since when REST can be asked, for a socket delivers what follows; `null`: none does. */
  unaskedSince: number | null
}

interface Held {
  readonly hole: TradeHole
  readonly deadline: number
  readonly waiting: Waiting[]
  readonly ids: Set<string>
}

interface Waiting {
  readonly trade: TradeEvent
  /** Something may be missing right before it, since then; `null`: nothing. */
  readonly doubtfulSince: number | null
}

/**
 * The trades of one instrument: each once, in order, and complete or said not to be.
 *
 * - `byId`: ids count up by one. An id that is skipped is a hole, whatever caused it, and an id that follows proves that
 *   nothing was missed, even over an outage. What REST has not either was never a trade.
 * - `recentOnly`: ids are opaque, so that a hole only shows after a lost socket, an unreadable frame or a restart. REST's
 *   most recent trades close it where they overlap with what was published and with what came since.
 * - `null`: nothing can be asked for, each doubt is a gap.
 *
 * A doubt that no trade resolves is asked for by `ask`, at `askAt` or later, as its owner sees fit; again where REST
 * could not say, or what it said leaves the doubt.
 *
 * While a hole is open, later trades are held (at most 10 s and 20,000 trades). A trade that comes late is published if
 * its id shows that it was missing: in its place while the hole is open, out of order once a gap has been told.
 * Call `expire` at `deadline`. Times named `now` are ms by our clock.
 */
export class TradeLine {
  readonly #recovery: TradeRecovery | null
  readonly #ids: TradeIds
  readonly #handover = new TradeHandover()
  readonly #askPace = new AskPace()
  /** Something may have been missed that the next trade must show; `null`: nothing. */
  #doubt: Doubt | null
  #held: Held | null = null

  constructor({ recovery, mark = null }: TradeLineOptions) {
    this.#recovery = recovery
    this.#ids = recovery === 'byId' ? new ConsecutiveIds(mark) : new OpaqueIds(mark)
    this.#doubt = mark && { since: mark.exchangeTime, unaskedSince: null }
  }

  receive(trade: TradeEvent, socket: number, receivedTime: number): TradeOutcome {
    const draft = this.#expired(receivedTime)
    if (this.#handover.passes(socket)) this.#accept(trade, receivedTime, draft)
    else {
      const isKnown = this.#held?.ids.has(trade.id) === true || this.#ids.place(trade) === 'known'
      this.#acceptAll(this.#handover.receive(trade, socket, receivedTime, isKnown), receivedTime, draft)
      // A socket that nobody has announced may be the first to deliver again.
      if (this.#doubt !== null && this.#handover.isAttended) this.#doubt.unaskedSince ??= receivedTime
    }
    return draft
  }

  /** The socket is gone. What its successor has delivered meanwhile may follow. */
  lost(socket: number, now: number): TradeOutcome {
    const draft = newDraft()
    const { hasRuled, trades } = this.#handover.lost(socket)
    if (hasRuled) this.#suspect(now, now)
    this.#acceptAll(trades, now, draft)
    return draft
  }

  /** Something may be missing though the socket lives: a frame could not be read. */
  suspect(now: number): void {
    this.#suspect(now, now)
    this.#handover.doubt()
  }

  /**
   * The exchange has said which trade is its newest. Where that is ahead of ours, something may be missing.
   * @returns whether ours is the same: else it says nothing of those that came after the one it knows, or none came yet
   */
  isNewest(newestId: string, now: number): boolean {
    const { last } = this.#ids
    if (last === null) return false
    const isAhead = this.#ids.areConsecutive && compareIds(newestId, last.id) > 0
    // What is being asked for reaches up to the newest; if it does not, this is said again.
    if (isAhead && this.#held === null) this.#suspect(now, now)
    return newestId === last.id
  }

  /** Whether a socket delivers the topic. */
  get isAttended(): boolean {
    return this.#handover.isAttended
  }

  /** A socket delivers the topic from now on. */
  subscribed(socket: number, now: number): void {
    this.#handover.subscribed(socket)
    if (this.#doubt !== null) this.#doubt.unaskedSince = now
  }

  /**
   * From when on to `ask` for what may have been missed before a socket began to deliver, ms; `null`: nothing may. The
   * next trade asks as well, but in a quiet market that may be long after.
   */
  get askAt(): number | null {
    const unaskedSince = this.#doubt?.unaskedSince ?? null
    const canAsk = this.#recovery !== null && this.#ids.last !== null && this.#handover.isAttended
    if (unaskedSince === null || this.#held !== null || !canAsk) return null
    return Math.max(unaskedSince + (this.#ids.areConsecutive ? NEXT_TRADE_MS : 0), this.#askPace.mayAskAt)
  }

  /** Opens a hole up to the newest trade that there is. */
  ask(now: number): TradeOutcome {
    const draft = newDraft()
    if (this.askAt === null) return draft
    this.#askPace.asked(now)
    this.#open(null, now, draft)
    return draft
  }

  /**
   * What REST has of a hole, ascending; trades beyond its ends may be among them.
   * @param isComplete whether the answer reaches from one end of the hole to the other
   */
  recovered(hole: TradeHole, trades: readonly TradeEvent[], isComplete: boolean, now: number): TradeOutcome {
    const draft = newDraft()
    // An answer that comes after its hole was closed otherwise says nothing about the present one.
    if (this.#held?.hole === hole) this.#close(this.#held, trades, isComplete, now, draft)
    return draft
  }

  /** REST could not say. */
  failed(hole: TradeHole, now: number): TradeOutcome {
    return this.recovered(hole, [], false, now)
  }

  /** When `expire` must be called, ms; `null` while nothing waits. */
  get deadline(): number | null {
    const held = this.#held?.deadline ?? null
    const handover = this.#handover.deadline
    return held === null || handover === null ? (held ?? handover) : Math.min(held, handover)
  }

  /** Ends what has waited too long. */
  expire(now: number): TradeOutcome {
    return this.#expired(now)
  }

  /**
   * The exchange time up to which no trade is waited for, ms UTC: `Infinity` while all that there are have come,
   * `-Infinity` before a socket delivers them.
   */
  get completeThrough(): number {
    const isWhole = this.#held === null && this.#doubt === null && this.#handover.isAttended
    return isWhole ? Number.POSITIVE_INFINITY : (this.#ids.last?.exchangeTime ?? Number.NEGATIVE_INFINITY)
  }

  /** From where a successor goes on; `null` before the first trade. What is held comes after it. */
  checkpoint(): TradeMark | null {
    return this.#ids.mark()
  }

  #expired(now: number): Draft {
    const draft = newDraft()
    const held = this.#held
    if (held !== null && (now >= held.deadline || held.waiting.length >= HELD_TRADES))
      this.#close(held, [], false, now, draft)
    const trades = this.#handover.expire(now)
    if (trades.length > 0) this.#suspect(now, now)
    this.#acceptAll(trades, now, draft)
    return draft
  }

  /** @param since when something may have begun to miss: our clock's time, or the exchange's */
  #suspect(since: number, now: number): void {
    this.#doubt ??= { since, unaskedSince: this.#handover.isAttended ? now : null }
  }

  #acceptAll(trades: readonly TradeEvent[], now: number, draft: Draft): void {
    for (const trade of trades) this.#accept(trade, now, draft)
  }

  #accept(trade: TradeEvent, now: number, draft: Draft): void {
    const place = this.#ids.place(trade)
    if (place === 'known') return
    if (place === 'late') this.#publish(trade, draft)
    else if (place === 'anew') {
      if (this.#held !== null) this.#close(this.#held, [], false, now, draft)
      tell(draft, this.#ids.last, trade)
      this.#publish(trade, draft)
    } else if (this.#held !== null) this.#hold(this.#held, trade, now, draft)
    else if (this.#isJoined(place)) {
      this.#doubt = null
      this.#publish(trade, draft)
    } else if (this.#recovery === null || this.#ids.last === null) {
      tell(draft, this.#ids.last ?? { id: null, exchangeTime: this.#doubt?.since ?? now }, trade)
      this.#doubt = null
      this.#publish(trade, draft)
    } else this.#open(trade, now, draft)
  }

  /** Whether nothing can be missing before a trade of that place. */
  #isJoined(place: 'next' | 'ahead'): boolean {
    if (this.#ids.areConsecutive && this.#ids.last !== null) return place === 'next'
    return this.#doubt === null
  }

  #open(before: TradeEvent | null, now: number, draft: Draft): void {
    const after = this.#ids.last
    if (after === null) return
    const to = Math.max(after.exchangeTime, before?.exchangeTime ?? now)
    const hole = { afterId: after.id, beforeId: before?.id ?? null, from: after.exchangeTime, to }
    this.#held = { hole, deadline: now + HOLD_MS, waiting: [], ids: new Set() }
    this.#doubt = null
    draft.hole = hole
    if (before !== null) this.#hold(this.#held, before, now, draft)
  }

  #hold(held: Held, trade: TradeEvent, now: number, draft: Draft): void {
    if (held.ids.has(trade.id)) return
    held.ids.add(trade.id)
    const { waiting } = held
    let index = waiting.length
    if (this.#ids.areConsecutive) while (index > 0 && isBefore(trade, waiting[index - 1])) index -= 1
    waiting.splice(index, 0, { trade, doubtfulSince: this.#doubt?.since ?? null })
    this.#doubt = null
    if (this.#ids.areConsecutive) this.#drain(held, now, draft)
  }

  /** Publishes what follows by its id: a reordered frame, or the other socket, has filled the hole. */
  #drain(held: Held, now: number, draft: Draft): void {
    const { hole, waiting } = held
    let drained = 0
    for (const { trade } of waiting) {
      if (this.#ids.place(trade) !== 'next') break
      this.#publish(trade, draft)
      drained += 1
    }
    if (drained === 0) return
    waiting.splice(0, drained)
    const isPast = hole.beforeId !== null && compareIds(this.#ids.last?.id ?? '', hole.beforeId) >= 0
    if (waiting.length > 0 && !isPast) return
    this.#release(held, draft)
    this.#replay(waiting, now, draft)
  }

  /** Publishes what there is of a hole, tells what there is not, and goes on with what was held. */
  #close(held: Held, trades: readonly TradeEvent[], isComplete: boolean, now: number, draft: Draft): void {
    this.#release(held, draft)
    // A doubt since the last held trade concerns the next one.
    const doubtfulSince = this.#doubt?.since ?? null
    this.#doubt = null
    if (this.#ids.areConsecutive) this.#fillByIds(held, trades, isComplete, now, draft)
    else this.#fillByOverlap(held, trades, isComplete, now, draft)
    const isOpenEnded = held.hole.beforeId === null && held.waiting.length === 0
    const isUnanswered = !isComplete && isOpenEnded && (this.#ids.areConsecutive || trades.length === 0)
    if (doubtfulSince !== null || isUnanswered) this.#suspect(doubtfulSince ?? held.hole.from, now)
  }

  #fillByIds(held: Held, trades: readonly TradeEvent[], isComplete: boolean, now: number, draft: Draft): void {
    const { hole, waiting } = held
    const found = trades.filter(({ id }) => !held.ids.has(id)).map((trade) => ({ trade, doubtfulSince: null }))
    const all = [...found, ...waiting].sort((a, b) => compareIds(a.trade.id, b.trade.id))
    // Ids that are skipped up to here were never trades, or are given up.
    const end = hole.beforeId ?? (isComplete ? newestId(trades) : waiting[0]?.trade.id) ?? hole.afterId
    const isBeyond = ({ trade }: Waiting) => compareIds(trade.id, end) > 0
    for (const { trade } of all.filter((one) => !isBeyond(one))) {
      const place = this.#ids.place(trade)
      if (place === 'known' || place === 'anew') continue
      if (place === 'ahead' && !isComplete) tell(draft, this.#ids.last, trade)
      this.#publish(trade, draft)
    }
    this.#replay(all.filter(isBeyond), now, draft)
  }

  #fillByOverlap(held: Held, trades: readonly TradeEvent[], isComplete: boolean, now: number, draft: Draft): void {
    const { hole, waiting } = held
    const after = this.#ids.last
    const firstHeld = waiting[0]?.trade
    const firstKnown = trades.findIndex((trade) => this.#ids.place(trade) === 'known')
    const unknown = trades.slice(firstKnown + 1).filter((trade) => this.#ids.place(trade) !== 'known')
    const overlaps = unknown.some(({ id }) => held.ids.has(id))
    // Where nothing is shared with a side, only time tells what lies between: the stream will bring what comes after.
    const from = firstKnown < 0 ? hole.from : Number.NEGATIVE_INFINITY
    const to = overlaps || firstHeld === undefined ? Number.POSITIVE_INFINITY : firstHeld.exchangeTime
    const found = unknown.filter(({ exchangeTime }) => exchangeTime >= from && exchangeTime <= to)
    // An answer that was cut to the hole shows no overlap: then its word must do.
    const isCut = firstKnown < 0 && isComplete
    const reachesBack = firstKnown >= 0 || isCut
    const reachesHeld = overlaps || isCut || hole.beforeId === null
    if (!reachesBack) tell(draft, after, (reachesHeld ? found[0] : undefined) ?? firstHeld)
    else if (!reachesHeld) tell(draft, found.at(-1) ?? after, firstHeld)
    for (const trade of found) this.#publish(trade, draft)
    const foundIds = new Set(found.map(({ id }) => id))
    const rest = waiting.filter(({ trade }) => !foundIds.has(trade.id))
    this.#replay(rest, now, draft)
  }

  #release(held: Held, draft: Draft): void {
    this.#held = null
    if (draft.hole === held.hole) draft.hole = null
  }

  /** Takes up again what was held. There may be further holes in it: the first is opened, the rest waits on. */
  #replay(waiting: readonly Waiting[], now: number, draft: Draft): void {
    for (const { trade, doubtfulSince } of waiting) {
      if (doubtfulSince !== null) this.#suspect(doubtfulSince, now)
      this.#accept(trade, now, draft)
    }
  }

  #publish(trade: TradeEvent, draft: Draft): void {
    this.#ids.add(trade)
    this.#askPace.paid()
    draft.trades.push(trade)
  }
}

function isBefore(trade: TradeEvent, other: Waiting | undefined): boolean {
  return other !== undefined && compareIds(trade.id, other.trade.id) < 0
}

function newestId(trades: readonly TradeEvent[]): string | undefined {
  return trades.map(({ id }) => id).reduce((newest, id) => (compareIds(id, newest) > 0 ? id : newest), '') || undefined
}
