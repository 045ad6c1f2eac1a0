import { type Decimal, multiplyDecimals, scaleOf, unscaled, ZERO } from './decimal.ts'

/** A running sum of decimals, exact: one scaled integer, which becomes text only when it is asked for. */
export class DecimalSum {
  #units = 0n
  #scale = 0

  /** Adds `a * b`. */
  addProduct(a: Decimal, b: Decimal): void {
    this.#add(unscaled(a) * unscaled(b), scaleOf(a) + scaleOf(b))
  }

  add(value: Decimal): void {
    this.#add(unscaled(value), scaleOf(value))
  }

  /** The exact sum in canonical form; `0` for none. */
  value(): Decimal {
    if (this.#units === 0n) return ZERO
    // Whole numbers and negative powers of ten are written canonically here, so that no text has to be parsed.
    const units = this.#units.toString() as Decimal
    return this.#scale === 0 ? units : multiplyDecimals(units, `0.${'0'.repeat(this.#scale - 1)}1` as Decimal)
  }

  #add(units: bigint, scale: number): void {
    if (scale === this.#scale) this.#units += units
    else if (scale < this.#scale) this.#units += units * 10n ** BigInt(this.#scale - scale)
    else {
      this.#units = this.#units * 10n ** BigInt(scale - this.#scale) + units
      this.#scale = scale
    }
  }
}
