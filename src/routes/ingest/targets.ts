import type { IngestFault, Named } from '../../domain/ingest.ts'
import { malformed, shown } from '../../domain/ingest-fields.ts'
import { parseSymbol, type SymbolQuery } from '../../domain/instrument.ts'
import { isExchangeName } from '../../exchanges/registry.ts'
import { readInstruments } from '../../store/catalog.ts'
import type { Reader } from '../../store/sessions.ts'
import { EXCHANGE } from '../params.ts'

/** Where records of one name belong. */
export interface Target {
  readonly db: D1Database
  readonly instrumentId: number
}

/** What finding instruments needs. */
export interface TargetPorts {
  readonly storeFor: (exchange: string) => D1Database
  /** The session in which this request writes to a database: it sees what was registered a moment ago. */
  readonly sessionOf: (db: D1Database) => Reader
  readonly ownExchanges: () => Promise<readonly string[]>
}

/** Bounds the memory that a body full of invented names can take. */
const MAX_NAMES = 10_000
/** Names of one statement: they are one value of it, of which D1 takes 2 MB. */
const MAX_LOOKUPS = 2_000
/** No name of an instrument comes near this, in any script and form. */
const MAX_SYMBOL_LENGTH = 120

const NOT_A_SYMBOL = malformed('symbol', 'must be a symbol such as BTC-USDT, BTC-USDT-PERP or BTC/USDT')
const ELSEWHERE = malformed('symbol', 'names another exchange than the record')

/** Finds the instruments that records name: each name once in a request, all new ones of a batch by one statement. */
export class Targets {
  readonly #ports: TargetPorts
  /** By exchange and symbol, as sent. */
  #found = new Map<string, Map<string, Target | IngestFault>>()
  #count = 0

  constructor(ports: TargetPorts) {
    this.#ports = ports
  }

  /** What is known of a name; `undefined` for one that {@link learn} has not been asked for. */
  find({ exchange, symbol }: Named): Target | IngestFault | undefined {
    return this.#found.get(exchange)?.get(symbol)
  }

  /** Looks up the names that are not known yet. */
  async learn(names: readonly Named[]): Promise<void> {
    const unknown = new Map<string, Set<string>>()
    for (const name of names) {
      if (this.find(name) !== undefined) continue
      const symbols = unknown.get(name.exchange) ?? new Set()
      unknown.set(name.exchange, symbols.add(name.symbol))
    }
    for (const [exchange, symbols] of unknown) await this.#learn(exchange, [...symbols])
  }

  /** Forgets all names if there are too many. Between batches only: a batch needs all of its own. */
  trim(): void {
    if (this.#count <= MAX_NAMES) return
    this.#found = new Map()
    this.#count = 0
  }

  async #learn(exchange: string, symbols: readonly string[]): Promise<void> {
    const found = this.#found.get(exchange) ?? new Map<string, Target | IngestFault>()
    this.#found.set(exchange, found)
    this.#count += symbols.length
    const queries = new Map<string, SymbolQuery>()
    for (const symbol of symbols) {
      const query = symbol.length > MAX_SYMBOL_LENGTH ? undefined : parseSymbol(symbol)
      if (query === undefined) found.set(symbol, NOT_A_SYMBOL)
      else if (query.by === 'joined' && query.exchange !== exchange) found.set(symbol, ELSEWHERE)
      else queries.set(symbol, query)
    }
    const unknown = await this.#unknownFault(exchange)
    const targets =
      unknown.reason === 'unknown_exchange' ? new Map<string, Target>() : await this.#read(exchange, queries)
    for (const symbol of queries.keys()) found.set(symbol, targets.get(symbol) ?? unknown)
  }

  async #read(exchange: string, queries: ReadonlyMap<string, SymbolQuery>): Promise<ReadonlyMap<string, Target>> {
    const db = this.#ports.storeFor(exchange)
    const targets = new Map<string, Target>()
    const symbols = [...queries]
    for (let at = 0; at < symbols.length; at += MAX_LOOKUPS) {
      const asked = symbols.slice(at, at + MAX_LOOKUPS)
      const wanted = asked.map(([, query]) => query)
      const instruments = await readInstruments(this.#ports.sessionOf(db), exchange, wanted)
      for (const [index, [symbol]] of asked.entries()) {
        const instrument = instruments[index]
        if (instrument !== undefined) targets.set(symbol, { db, instrumentId: instrument.id })
      }
    }
    return targets
  }

  /** What is wrong with a name of this exchange that is not found. */
  async #unknownFault(exchange: string): Promise<IngestFault> {
    if (
      isExchangeName(exchange) ||
      (EXCHANGE.test(exchange) && (await this.#ports.ownExchanges()).includes(exchange))
    ) {
      const message = `is not an instrument of ${exchange}: register it first, with POST /v1/instruments`
      return { reason: 'unknown_instrument', path: 'symbol', message }
    }
    const message = `there is no exchange ${JSON.stringify(shown(exchange))}: /v1/exchanges lists them`
    return { reason: 'unknown_exchange', path: 'exchange', message }
  }
}
