import type { Columns } from './columns.ts'
import { logRatio } from './columns.ts'
import { type Fault, percentApart, rounded, severityOf } from './finding.ts'
import type { Thresholds } from './thresholds.ts'

/** What is apart for longer than so many candles is a market that moved, until other exchanges say otherwise. */
const MAX_CANDLES = 3

/**
 * Prices that jump away and back: opens and closes in their order are one path, and a fault is a short piece of it that
 * both begins and ends with a jump, in opposite directions. One jump alone is news, however large.
 *
 * @param first the first candle that is judged; @param after behind the last one
 */
export function findPriceJumps(
  columns: Columns,
  first: number,
  after: number,
  threshold: Thresholds['priceJump'],
): Fault[] {
  const path = new PricePath(columns, threshold)
  const faults: Fault[] = []
  for (let point = Math.max(1, 2 * first); point < 2 * after; point++) {
    const size = path.jump(point)
    if (size === 0) continue
    const back = path.returnOf(point, size)
    if (back === undefined) continue
    faults.push(path.fault(point, back))
    point = back
  }
  return faults
}

/** Point `2 i` is the open of candle `i`, point `2 i + 1` its close. */
class PricePath {
  readonly #columns: Columns
  readonly #deviations: number
  /** As a logarithm. That of falling by as many percent is a little further from 0. */
  readonly #least: number

  constructor(columns: Columns, { percent, deviations }: Thresholds['priceJump']) {
    this.#columns = columns
    this.#deviations = deviations
    this.#least = Math.log1p(percent / 100)
  }

  /** The step to a point as a logarithm, where it is a jump; otherwise 0. */
  jump(point: number): number {
    const step = logRatio(this.#price(point), this.#price(point - 1))
    // Nearly all end here: the neighbours are looked at for the few that could be one.
    if (Math.abs(step) < this.#least) return 0
    return Math.abs(step) >= this.#limit(point) ? step : 0
  }

  /** The point at which what jumped to `from` is back, all of it apart till then; `undefined` where it is not soon. */
  returnOf(from: number, size: number): number | undefined {
    const last = Math.min(from + 2 * MAX_CANDLES, 2 * this.#columns.length - 1)
    for (let back = from + 1; back <= last; back++) {
      if (this.jump(back) * size < 0) return this.#isApart(from, back, Math.sign(size)) ? back : undefined
    }
    return undefined
  }

  #isApart(from: number, back: number, sign: number): boolean {
    const limit = Math.max(this.#limit(from), this.#limit(back))
    for (let point = from; point < back; point++) {
      const price = this.#price(point)
      const nearest = Math.min(sign * logRatio(price, this.#price(from - 1)), sign * logRatio(price, this.#price(back)))
      if (nearest < limit) return false
    }
    return true
  }

  /** @param from the first point that is apart; @param back the first one that is not any more */
  fault(from: number, back: number): Fault {
    const columns = this.#columns
    const close = from % 2 === 1 ? from : from + 1
    const measure = close < back ? 'close' : 'open'
    const at = measure === 'close' ? close : from
    const last = measure === 'close' ? (back - (back % 2 === 0 ? 1 : 2)) >> 1 : from >> 1
    const [value, before, next] = [this.#price(at), this.#price(from - 1), this.#price(back)]
    const reference = Math.abs(logRatio(value, before)) < Math.abs(logRatio(value, next)) ? from - 1 : back
    const deviation = percentApart(value, this.#price(reference))
    const limit = Math.expm1(Math.max(this.#limit(from), this.#limit(back))) * 100
    return {
      kind: 'price_jump',
      severity: severityOf(deviation / limit),
      start: columns.openTime(at >> 1),
      end: columns.closeTime(last),
      evidence: {
        measure,
        openTime: columns.openTime(at >> 1),
        value: this.#text(at),
        reference: this.#text(reference),
        deviation: rounded(deviation),
        threshold: rounded(limit),
        unit: 'percent',
        neighbours: columns.around(measure, at >> 1, last),
        sources: [],
      },
    }
  }

  /** How far a step to a point may go, as a logarithm. What may have happened in missing slots widens it. */
  #limit(point: number): number {
    const index = point >> 1
    const scale = this.#columns.priceScale(index)
    if (scale === undefined) return Number.POSITIVE_INFINITY
    const slots = point % 2 === 0 ? this.#columns.slotsBefore(index) : 1
    return Math.max(this.#least, this.#deviations * scale * Math.sqrt(slots))
  }

  #price(point: number): number {
    const column = point % 2 === 0 ? this.#columns.open : this.#columns.close
    return column[point >> 1] ?? 0
  }

  #text(point: number): Fault['evidence']['value'] {
    const candle = this.#columns.candles[point >> 1]
    if (candle === undefined) throw new RangeError(`there is no point ${point}`)
    return point % 2 === 0 ? candle.open : candle.close
  }
}
