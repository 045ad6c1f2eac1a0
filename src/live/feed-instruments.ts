import type { StoredInstrument } from '../domain/series.ts'
import type { StreamEndpoint } from '../exchanges/stream.ts'
import { InstrumentTopics } from './instrument-topics.ts'

/**
 * The instruments that a feed follows. What an exchange lists anew is another instrument with the same symbol: the one
 * with the higher id is that of now.
 */
export class FeedInstruments {
  readonly #endpoints: readonly StreamEndpoint[]
  readonly #byId = new Map<number, InstrumentTopics>()
  /** By endpoint: the exchange's symbol says which instrument an event is about. */
  readonly #bySymbol: ReadonlyMap<string, Map<string, InstrumentTopics>>
  /** Others stand in their place, under the same id: they end as soon as nobody needs them. */
  readonly #replaced = new Set<InstrumentTopics>()

  constructor(endpoints: readonly StreamEndpoint[]) {
    this.#endpoints = endpoints
    this.#bySymbol = new Map(endpoints.map(({ name }) => [name, new Map()]))
  }

  ofId(id: number): InstrumentTopics | undefined {
    return this.#byId.get(id)
  }

  ofSymbol(endpoint: string, exchangeSymbol: string): InstrumentTopics | undefined {
    return this.#bySymbol.get(endpoint)?.get(exchangeSymbol)
  }

  all(): InstrumentTopics[] {
    return [...this.#byId.values(), ...this.#replaced]
  }

  /** What stands where this instrument would: an earlier or a later listing, or the same before it was changed. */
  standingFor(instrument: StoredInstrument): InstrumentTopics | undefined {
    for (const bySymbol of this.#symbolsOf(instrument)) {
      const standing = bySymbol.get(instrument.exchangeSymbol)
      if (standing !== undefined) return standing
    }
    return this.#byId.get(instrument.id)
  }

  /** The topics of an instrument; from now on its symbol stands for it. */
  take(instrument: StoredInstrument): InstrumentTopics {
    const known = this.#byId.get(instrument.id)
    if (known !== undefined && isSame(known.instrument, instrument)) return known
    if (known !== undefined) this.#replaced.add(known)
    const topics = new InstrumentTopics(instrument)
    this.#byId.set(instrument.id, topics)
    for (const bySymbol of this.#symbolsOf(instrument)) bySymbol.set(instrument.exchangeSymbol, topics)
    return topics
  }

  drop(topics: InstrumentTopics): void {
    const { id, exchangeSymbol } = topics.instrument
    this.#replaced.delete(topics)
    if (this.#byId.get(id) === topics) this.#byId.delete(id)
    for (const bySymbol of this.#bySymbol.values())
      if (bySymbol.get(exchangeSymbol) === topics) bySymbol.delete(exchangeSymbol)
  }

  #symbolsOf({ kind }: StoredInstrument): Map<string, InstrumentTopics>[] {
    return this.#endpoints.flatMap(({ name, kinds }) => (kinds.includes(kind) ? (this.#bySymbol.get(name) ?? []) : []))
  }
}

/** Whether what is known of one holds for the other: sizes that were told in contracts do. */
export function isSame(one: StoredInstrument, other: StoredInstrument): boolean {
  return one.id === other.id && one.contractSize === other.contractSize && one.inverse === other.inverse
}
