import { decimal } from '../../src/domain/decimal.ts'
import type { TradeEvent } from '../../src/domain/event.ts'
import type { TradeRecovery } from '../../src/exchanges/stream.ts'
import { TradeLine } from '../../src/live/trade-line.ts'
import type { TradeGap, TradeHole, TradeOutcome } from '../../src/live/trade-outcome.ts'

export function trade(id: number | string, exchangeTime = Number(id) * 100): TradeEvent {
  const [price, size] = [decimal('1'), decimal('1')]
  return { channel: 'trades', exchangeSymbol: 'BTC-USDT', id: String(id), price, size, side: null, exchangeTime }
}

export function idsOf({ trades }: Pick<TradeOutcome, 'trades'>): number[] {
  return trades.map(({ id }) => Number(id))
}

export type DeliveryFault = 'none' | 'duplicate' | 'reorder' | 'drop' | 'truncate'
export type AnswerQuality = 'full' | 'short' | 'none'

/** What happens next. Sockets are counted among those that are open. */
export type Step =
  | { readonly kind: 'execute'; readonly skippedIds: number }
  | { readonly kind: 'deliver'; readonly socket: number; readonly fault: DeliveryFault }
  | { readonly kind: 'open' }
  | { readonly kind: 'lose'; readonly socket: number }
  | { readonly kind: 'answer'; readonly quality: AnswerQuality }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'restart' }

/** REST of an exchange with opaque ids gives so many. */
const RECENT_TRADES = 12
const STEP_MS = 5

/** An exchange that executes trades, its sockets and REST, all as faulty as the steps say, and a line that listens. */
export class TradeWorld {
  readonly executed: TradeEvent[] = []
  readonly published: TradeEvent[] = []
  readonly gaps: TradeGap[] = []
  /** Every hole between two trades that was asked for since the last restart. */
  readonly asked: TradeHole[] = []
  readonly #recovery: TradeRecovery | null
  readonly #sockets: { readonly id: number; readonly queue: TradeEvent[] }[] = []
  #line: TradeLine
  #questions: TradeHole[] = []
  #nextSocket = 1
  #nextId: number
  #now = 0

  constructor(recovery: TradeRecovery | null, firstId = 1) {
    this.#recovery = recovery
    this.#nextId = firstId
    this.#line = new TradeLine({ recovery })
  }

  take(step: Step): void {
    this.#now += STEP_MS
    switch (step.kind) {
      case 'execute':
        this.#execute(step.skippedIds)
        break
      case 'deliver':
        this.#deliver(this.#sockets[step.socket], step.fault)
        break
      case 'open':
        this.#open()
        break
      case 'lose': {
        const [socket] = this.#sockets.splice(step.socket, 1)
        if (socket !== undefined) this.#took(this.#line.lost(socket.id, this.#now))
        break
      }
      case 'answer': {
        const hole = this.#questions.shift()
        if (hole !== undefined) this.#answer(hole, step.quality)
        break
      }
      case 'wait':
        this.#now += step.ms
        if (this.#now >= (this.#line.deadline ?? Number.POSITIVE_INFINITY)) this.#took(this.#line.expire(this.#now))
        if (this.#now >= (this.#line.askAt ?? Number.POSITIVE_INFINITY)) this.#took(this.#line.ask(this.#now))
        break
      case 'restart':
        this.#restart()
    }
  }

  /** Everything goes well for long enough to show what was missed. */
  settle(): void {
    if (this.#sockets.length === 0) this.take({ kind: 'open' })
    for (let n = 0; n < 3; n++) {
      this.take({ kind: 'execute', skippedIds: 0 })
      for (const [socket, { queue }] of this.#sockets.entries())
        while (queue.length > 0) this.take({ kind: 'deliver', socket, fault: 'none' })
      while (this.#questions.length > 0) this.take({ kind: 'answer', quality: 'full' })
      this.take({ kind: 'wait', ms: 11_000 })
    }
    while (this.#questions.length > 0) this.take({ kind: 'answer', quality: 'full' })
  }

  /** The ids that were executed since the line began, and neither published nor within a gap that was told. */
  silentlyMissing(): number[] {
    const ids = new Set(this.published.map(({ id }) => id))
    const begin = Math.min(...this.published.map(({ id }) => Number(id)))
    return this.executed
      .filter(({ id }) => Number(id) >= begin && !ids.has(id) && !this.#isTold(Number(id)))
      .map(({ id }) => Number(id))
  }

  /** The ids that were published after a later one, though nothing was said of them before. */
  disordered(): number[] {
    const [begin = 0, ...rest] = idsOf({ trades: this.published })
    let newest = begin
    return rest.filter((id) => {
      newest = Math.max(newest, id)
      // What precedes the first trade is nobody's loss, and welcome whenever it comes.
      return id < newest && id > begin && !this.#isTold(id)
    })
  }

  #isTold(id: number): boolean {
    return this.gaps.some(({ afterId, beforeId }) => Number(afterId ?? 0) < id && id < Number(beforeId))
  }

  #open(): void {
    if (this.#sockets.length === 2) return
    const id = this.#nextSocket++
    this.#sockets.push({ id, queue: [] })
    this.#line.subscribed(id, this.#now)
  }

  #execute(skippedIds: number): void {
    this.#nextId += skippedIds
    const executed = trade(this.#nextId++, this.#now)
    this.executed.push(executed)
    for (const { queue } of this.#sockets) queue.push(executed)
  }

  #deliver(socket: { readonly id: number; readonly queue: TradeEvent[] } | undefined, fault: DeliveryFault): void {
    const [next, afterNext] = socket?.queue ?? []
    if (socket === undefined || next === undefined) return
    const receive = (one: TradeEvent) => this.#took(this.#line.receive(one, socket.id, this.#now))
    const isReordered = fault === 'reorder' && afterNext !== undefined
    socket.queue.splice(isReordered ? 1 : 0, 1)
    if (isReordered) receive(afterNext)
    else if (fault === 'truncate') this.#line.suspect(this.#now)
    else if (fault !== 'drop') receive(next)
    if (fault === 'duplicate') receive(next)
  }

  #answer(hole: TradeHole, quality: AnswerQuality): void {
    const { trades, isComplete } = this.#recovery === 'byId' ? this.#page(hole, quality) : this.#recent(hole, quality)
    const outcome =
      quality === 'none'
        ? this.#line.failed(hole, this.#now)
        : this.#line.recovered(hole, trades, isComplete, this.#now)
    this.#took(outcome)
  }

  #page(hole: TradeHole, quality: AnswerQuality) {
    const [after, before] = [Number(hole.afterId), Number(hole.beforeId ?? Number.POSITIVE_INFINITY)]
    const all = this.executed.filter(({ id }) => Number(id) > after && Number(id) < before)
    return quality === 'full' ? { trades: all, isComplete: true } : { trades: all.slice(0, 1), isComplete: false }
  }

  #recent(hole: TradeHole, quality: AnswerQuality) {
    const trades = this.executed.slice(quality === 'full' ? -RECENT_TRADES : -2)
    return { trades, isComplete: trades.some(({ id }) => id === hole.afterId) }
  }

  #restart(): void {
    const mark = this.#line.checkpoint()
    this.#sockets.length = 0
    this.#questions = []
    this.asked.length = 0
    // Before its first trade a line has nothing to go on from: the new one begins anew.
    if (mark === null) return
    this.#line = new TradeLine({ recovery: this.#recovery, mark })
  }

  #took({ trades, hole, gap }: TradeOutcome): void {
    if (gap !== null) this.gaps.push(gap)
    if (hole !== null) {
      if (hole.beforeId !== null) this.asked.push(hole)
      this.#questions.push(hole)
    }
    this.published.push(...trades)
  }
}
