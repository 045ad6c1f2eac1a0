/** Which instruments an exchange lists at a moment: the catalogue, less what was delisted, plus what was listed since. */

import { type ExchangeName, exchangeSymbolOf, type Instrument, type Kind } from './catalogue.ts'

const MINUTE_MS = 60_000

export class Listings {
  readonly #exchange: ExchangeName
  readonly #catalogue: readonly Instrument[]
  #added: Instrument[] = []
  readonly #delistedAt = new Map<Instrument, number>()

  constructor(exchange: ExchangeName, catalogue: readonly Instrument[]) {
    this.#exchange = exchange
    this.#catalogue = catalogue.filter((instrument) => instrument.exchange === exchange)
  }

  /** All that have been listed by now (ms UTC), delisted ones included. */
  all(kind: Kind, now: number): Instrument[] {
    return [...this.#catalogue, ...this.#added].filter(
      (instrument) => instrument.kind === kind && instrument.listedAt <= now,
    )
  }

  find(kind: Kind, exchangeSymbol: string, now: number): Instrument | undefined {
    return this.all(kind, now).find((instrument) => instrument.exchangeSymbol === exchangeSymbol)
  }

  /** When trading ends or ended, ms UTC; Infinity while nothing is known of an end. */
  delistedAt(instrument: Instrument): number {
    return this.#delistedAt.get(instrument) ?? Number.POSITIVE_INFINITY
  }

  isDelisted(instrument: Instrument, now: number): boolean {
    return this.delistedAt(instrument) <= now
  }

  delist(instrument: Instrument, at: number): void {
    this.#delistedAt.set(instrument, at)
  }

  /** Lists a new base asset: the precisions of the exchange's last spot or perpetual instrument, at a price near 1. */
  list(kind: Kind, base: string, quote: string, at: number): Instrument | undefined {
    const model = this.#catalogue.findLast((instrument) => instrument.kind === kind)
    if (!model) return undefined
    const instrument: Instrument = {
      ...model,
      base,
      quote,
      exchangeSymbol: exchangeSymbolOf(this.#exchange, kind, base, quote),
      typicalPrice: 1,
      listedAt: Math.floor(at / MINUTE_MS) * MINUTE_MS,
      index: 1000 + this.#added.length + this.#catalogue.length,
    }
    this.#added.push(instrument)
    return instrument
  }

  /** Back to the catalogue. */
  reset(): void {
    this.#added = []
    this.#delistedAt.clear()
  }
}
