import { type Decimal, ZERO } from '../domain/decimal.ts'
import type { BookLevel } from '../domain/order-book.ts'
import type { BookSide } from './book-side.ts'
import type { BookSync } from './book-sync.ts'

/** What clients of one depth are told: all changes, one after another, make exactly the best `depth` levels. */
export interface ViewChange {
  /** `snapshot`: the levels replace all; `update`: absolute sizes, `0` removes. */
  readonly kind: 'snapshot' | 'update'
  readonly bids: readonly BookLevel[]
  readonly asks: readonly BookLevel[]
  /** How many levels there truly are on the shorter side; at most the depth. */
  readonly availableDepth: number
  /** The exchange's counter at the change before this one; `null` at the first, and where it sends none. */
  readonly prevSequence: number | null
  readonly sequence: number | null
  /** ms UTC by the exchange's clock. */
  readonly exchangeTime: number | null
}

/** The best levels of a book as clients have last been told of them. */
export class BookView {
  readonly depth: number
  readonly #bids = new ShownSide()
  readonly #asks = new ShownSide()
  #source: BookSync | null = null
  /** Of the book that is shown; `null`: nothing is. */
  #generation: number | null = null
  #sequence: number | null = null
  #exchangeTime: number | null = null

  constructor(depth: number) {
    this.depth = depth
  }

  /**
   * How the book differs from what was given last. It is a snapshot at first, after the book has been invalid, and
   * where the difference would be larger. `null`: these levels have not changed, or the book is not in sync.
   */
  update(sync: BookSync): ViewChange | null {
    const isContinued = this.#source === sync && this.#generation === sync.generation
    this.#source = sync
    if (sync.state !== 'live') return null
    const prevSequence = isContinued ? this.#sequence : null
    const { bids, asks } = sync.book
    if (isContinued && this.#bids.isCurrent(bids) && this.#asks.isCurrent(asks)) return null
    const bidChanges = this.#bids.follow(bids, this.depth)
    const askChanges = this.#asks.follow(asks, this.depth)
    const changes = bidChanges.length + askChanges.length
    if (isContinued && changes === 0) return null
    this.#generation = sync.generation
    this.#sequence = sync.sequence
    this.#exchangeTime = sync.exchangeTime
    const isSnapshot = !isContinued || changes > this.#bids.length + this.#asks.length
    return isSnapshot ? this.#shown(prevSequence) : this.#change('update', bidChanges, askChanges, prevSequence)
  }

  /** What was given last, whole, for one who has just joined; `null` where that is nothing or no longer valid. */
  snapshot(): ViewChange | null {
    const isValid = this.#source?.state === 'live' && this.#source.generation === this.#generation
    return isValid ? this.#shown(null) : null
  }

  /** Forgets what was given: the next change is a snapshot. */
  invalidate(): void {
    this.#generation = null
  }

  #shown(prevSequence: number | null): ViewChange {
    return this.#change('snapshot', this.#bids.levels(), this.#asks.levels(), prevSequence)
  }

  #change(
    kind: ViewChange['kind'],
    bids: readonly BookLevel[],
    asks: readonly BookLevel[],
    prevSequence: number | null,
  ): ViewChange {
    const availableDepth = Math.min(this.#bids.length, this.#asks.length)
    const [sequence, exchangeTime] = [this.#sequence, this.#exchangeTime]
    return { kind, bids, asks, availableDepth, prevSequence, sequence, exchangeTime }
  }
}

/** One side as it is shown, best first. */
class ShownSide {
  readonly #prices: Decimal[] = []
  readonly #sizes: Decimal[] = []
  #side: BookSide | null = null
  #version = 0

  get length(): number {
    return this.#prices.length
  }

  isCurrent(side: BookSide): boolean {
    return this.#side === side && this.#version === side.version
  }

  levels(): BookLevel[] {
    return this.#prices.map((price, i) => ({ price, size: this.#sizes[i] ?? ZERO }))
  }

  /** Shows the best `depth` levels of the side, and says what has changed by that. */
  follow(side: BookSide, depth: number): BookLevel[] {
    if (this.isCurrent(side)) return []
    this.#side = side
    this.#version = side.version
    const count = Math.min(depth, side.length)
    const changes = this.#difference(side, count)
    if (changes.length > 0) this.#copy(side, count)
    return changes
  }

  #copy(side: BookSide, count: number): void {
    this.#prices.length = count
    this.#sizes.length = count
    for (let rank = 0; rank < count; rank++) {
      this.#prices[rank] = side.priceAt(rank) ?? ZERO
      this.#sizes[rank] = side.sizeAt(rank) ?? ZERO
    }
  }

  /** Both are sorted: one walk finds what has come, gone or changed. */
  #difference(side: BookSide, count: number): BookLevel[] {
    const changes: BookLevel[] = []
    let shown = 0
    let rank = 0
    while (shown < this.#prices.length || rank < count) {
      const was = this.#prices[shown]
      const price = rank < count ? side.priceAt(rank) : undefined
      if (was !== undefined && (price === undefined || (was !== price && side.isBetter(was, price)))) {
        changes.push({ price: was, size: ZERO })
        shown++
        continue
      }
      const size = side.sizeAt(rank)
      const isNew = was !== price
      if (price !== undefined && size !== undefined && (isNew || size !== this.#sizes[shown])) {
        changes.push({ price, size })
      }
      if (!isNew) shown++
      rank++
    }
    return changes
  }
}
