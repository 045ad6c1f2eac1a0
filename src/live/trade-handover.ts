import type { TradeEvent } from '../domain/event.ts'

/** What a new socket delivers waits so long for the old one to catch up: then the old one counts as gone. */
const OVERLAP_MS = 10_000
const OVERLAP_TRADES = 20_000

interface Incoming {
  readonly socket: number
  readonly since: number
  readonly trades: TradeEvent[]
  readonly ids: Set<string>
}

/**
 * Which of two sockets that deliver one topic speaks, while one is rotated out. The old one rules; what the new one
 * delivers waits until both have delivered one same trade, which proves that neither misses anything from there on.
 * Then the new one rules, and what the old one still delivers passes too: whoever is first brings a trade, the other a
 * duplicate, which the line drops.
 */
export class TradeHandover {
  #ruler: number | null = null
  /** Whether it has delivered everything since it began to rule, as far as is known. */
  #isRulerSound = true
  /** Those that rule in turn when the ruler is lost, oldest first. */
  readonly #successors = new Set<number>()
  #incoming: Incoming | null = null
  /** They ruled before, and still deliver everything. */
  readonly #retired = new Set<number>()

  get isAttended(): boolean {
    return this.#ruler !== null
  }

  /** Whether a trade of `socket` needs no decision. */
  passes(socket: number): boolean {
    return socket === this.#ruler ? this.#incoming === null : this.#retired.has(socket)
  }

  /** The socket delivers from now on. The oldest one rules. */
  subscribed(socket: number): void {
    if (socket === this.#ruler || this.#retired.has(socket)) return
    if (this.#ruler === null) this.#rule(socket)
    else this.#successors.add(socket)
  }

  /**
   * @param isKnown whether the trade was delivered before, by whomever
   * @returns what passes now, in order; duplicates are among it
   */
  receive(trade: TradeEvent, socket: number, now: number, isKnown: boolean): readonly TradeEvent[] {
    this.subscribed(socket)
    if (this.passes(socket)) return [trade]
    const incoming = this.#incoming
    if (socket === this.#ruler) return incoming?.ids.has(trade.id) === true ? this.#takeOver(incoming) : [trade]
    if (incoming !== null && incoming.socket !== socket) return []
    if (isKnown) {
      // After one that is not, it is a duplicate or out of order, and says nothing of what lies between.
      if (incoming === null) this.#retire(socket)
      return []
    }
    const waiting = incoming ?? { socket, since: now, trades: [], ids: new Set() }
    waiting.trades.push(trade)
    waiting.ids.add(trade.id)
    this.#incoming = waiting
    return []
  }

  /**
   * The socket is gone. `hasRuled`: something may be missing after what it delivered, as no other is known to go on
   * there. `trades`: what its successor has delivered, if there is one.
   */
  lost(socket: number): { readonly hasRuled: boolean; readonly trades: readonly TradeEvent[] } {
    this.#retired.delete(socket)
    this.#successors.delete(socket)
    if (this.#incoming?.socket === socket) this.#incoming = null
    // Where none has been heard of yet, the one that is lost would have ruled.
    if (this.#ruler !== null && this.#ruler !== socket) return { hasRuled: false, trades: [] }
    this.#ruler = null
    if (this.#incoming !== null) return { hasRuled: true, trades: this.#takeOver(this.#incoming) }
    const [next] = [...this.#retired, ...this.#successors]
    if (next !== undefined) this.#rule(next)
    return { hasRuled: true, trades: [] }
  }

  /** One of them may have missed something: none can vouch for another before they overlap again. */
  doubt(): void {
    this.#incoming = null
    this.#isRulerSound = false
    for (const socket of this.#retired) this.#successors.add(socket)
    this.#retired.clear()
  }

  /** When the patience with the old socket ends, ms; `null` where none is waiting. */
  get deadline(): number | null {
    return this.#incoming === null ? null : this.#incoming.since + OVERLAP_MS
  }

  /** Lets the successor rule where its patience is over; something may miss before its trades. */
  expire(now: number): readonly TradeEvent[] {
    const incoming = this.#incoming
    if (incoming === null) return []
    const isOver = now >= incoming.since + OVERLAP_MS || incoming.trades.length >= OVERLAP_TRADES
    return isOver ? this.#takeOver(incoming) : []
  }

  #takeOver({ socket, trades }: Incoming): readonly TradeEvent[] {
    this.#retire(socket)
    return trades
  }

  #retire(successor: number): void {
    if (this.#ruler !== null) (this.#isRulerSound ? this.#retired : this.#successors).add(this.#ruler)
    this.#incoming = null
    this.#rule(successor)
  }

  #rule(socket: number): void {
    this.#retired.delete(socket)
    this.#successors.delete(socket)
    this.#ruler = socket
    this.#isRulerSound = true
  }
}
