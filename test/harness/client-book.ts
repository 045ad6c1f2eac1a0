/** [price, size] as they were sent, best first. */
export type Levels = readonly (readonly [string, string])[]

export interface BookMessage {
  readonly kind: 'snapshot' | 'update'
  readonly depth: number
  readonly availableDepth: number
  readonly bids: Levels
  readonly asks: Levels
  readonly prevSequence: number | null
  readonly sequence: number | null
}

/** An order book as a client makes it of the messages of one topic, and nothing else. */
export class ClientBook {
  readonly #bids = new Map<string, string>()
  readonly #asks = new Map<string, string>()
  #depth = 0
  #sequence: number | null = null
  /** Whether a snapshot has come since it was void. */
  isValid = false

  /** @returns what is wrong with the message, if anything is */
  receive(message: BookMessage): string | undefined {
    const { kind, depth, bids, asks, prevSequence, sequence } = message
    if (kind === 'snapshot') {
      this.#bids.clear()
      this.#asks.clear()
      this.#depth = depth
      this.isValid = true
    } else if (!this.isValid) return 'an update came before a snapshot'
    else if (prevSequence !== this.#sequence) return `follows ${prevSequence}, the book is at ${this.#sequence}`
    this.#sequence = sequence
    apply(this.#bids, bids)
    apply(this.#asks, asks)
    const { bids: bidCount, asks: askCount } = { bids: this.#bids.size, asks: this.#asks.size }
    if (Math.max(bidCount, askCount) > this.#depth) return `has ${bidCount} bids and ${askCount} asks`
    const shorter = Math.min(bidCount, askCount)
    return shorter === message.availableDepth ? undefined : `${shorter} levels, said to be ${message.availableDepth}`
  }

  /** What it holds is not to be used until the next snapshot. */
  clear(): void {
    this.isValid = false
  }

  levels(): { readonly bids: Levels; readonly asks: Levels } {
    return { bids: sorted(this.#bids, -1), asks: sorted(this.#asks, 1) }
  }
}

function apply(side: Map<string, string>, levels: Levels): void {
  for (const [price, size] of levels) {
    if (size === '0') side.delete(price)
    else side.set(price, size)
  }
}

function sorted(side: ReadonlyMap<string, string>, direction: 1 | -1): Levels {
  const levels = Array.from(side, (level) => ({ level, rank: Number(level[0]) * direction }))
  return levels.sort((a, b) => a.rank - b.rank).map(({ level }) => level)
}
