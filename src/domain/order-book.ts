import type { Decimal } from './decimal.ts'

/** One price and what is offered there. `size` is `null` only where an exchange sends a best price without it. */
export interface Level {
  readonly price: Decimal
  readonly size: Decimal | null
}

/** A whole book, or its best levels. Bids descend, asks ascend. Sizes in base units once resolved. */
export interface BookSnapshot {
  readonly exchangeSymbol: string | null
  /** ms UTC; `null` where the answer carries no time. */
  readonly exchangeTime: number | null
  /** The exchange's counter, as text: some exceed 2^53. `null` where none is sent. */
  readonly sequence: string | null
  readonly bids: readonly BookLevel[]
  readonly asks: readonly BookLevel[]
}

export interface BookLevel extends Level {
  readonly size: Decimal
}

/** A counter of an exchange as a number; `null` where there is none that a number can hold. */
export function counterOf(sequence: string | null): number | null {
  const counter = Number(sequence ?? Number.NaN)
  return Number.isSafeInteger(counter) ? counter : null
}
