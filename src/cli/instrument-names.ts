import { z } from 'zod'
import {
  formatSymbol,
  type Instrument,
  type InstrumentKind,
  instrumentKinds,
  parseSymbol,
} from '../domain/instrument.ts'
import { decimalField } from '../exchanges/decode.ts'
import { decoders, type ExchangeName } from '../exchanges/registry.ts'

/** What is known of the instrument that a record is about. */
export interface Named {
  readonly symbol: string | null
  readonly exchangeSymbol: string | null
  readonly instrument: Instrument | null
}

/** Names the records of one body: from a list of instruments, from what the caller typed, from the record itself. */
export class InstrumentNames {
  readonly #exchange: ExchangeName
  readonly #instruments: readonly Instrument[]
  readonly #asked: Named
  /** The kind that the caller means, be it by `--kind` or by the symbol. */
  readonly kind: InstrumentKind

  constructor(
    exchange: ExchangeName,
    kind: InstrumentKind,
    symbol: string | null,
    instruments: readonly Instrument[] = [],
  ) {
    this.#exchange = exchange
    this.#instruments = instruments.filter((instrument) => instrument.exchange === exchange)
    const asked = symbol === null ? undefined : this.#readAsked(symbol, kind)
    this.kind = asked?.kind ?? kind
    this.#asked = asked?.named ?? { symbol: null, exchangeSymbol: null, instrument: null }
  }

  /** @param exchangeSymbol as the record says, `null` where it does not: then it is what the caller asked for */
  nameOf(exchangeSymbol: string | null): Named {
    if (exchangeSymbol === null || exchangeSymbol === this.#asked.exchangeSymbol) return this.#asked
    const read = decoders[this.#exchange].readSymbol?.(exchangeSymbol)
    const instrument = this.#find(exchangeSymbol, read?.kind ?? this.kind)
    const symbol = read === undefined ? null : formatSymbol(read.base, read.quote, read.kind)
    return { symbol: instrument?.symbol ?? symbol, exchangeSymbol, instrument }
  }

  #readAsked(text: string, kind: InstrumentKind): { named: Named; kind: InstrumentKind } {
    const { readSymbol, spell } = decoders[this.#exchange]
    const query = parseSymbol(text)
    if (query?.by === 'symbol') {
      const [base = '', quote = '', suffix] = query.symbol.split('-')
      const meant = suffix === undefined ? kind : 'perpetual'
      const symbol = formatSymbol(base, quote, meant)
      const instrument = this.#instruments.find((candidate) => candidate.symbol === symbol) ?? null
      const exchangeSymbol = instrument?.exchangeSymbol ?? spell(base, quote, meant)
      return { kind: meant, named: { symbol, exchangeSymbol, instrument } }
    }
    const spelled = query === undefined ? text : query.joined
    const read = readSymbol?.(spelled)
    const meant = query?.kind ?? read?.kind ?? kind
    const instrument = this.#find(spelled, meant)
    const symbol = read === undefined ? null : formatSymbol(read.base, read.quote, read.kind)
    const exchangeSymbol = instrument?.exchangeSymbol ?? spelled
    return { kind: meant, named: { symbol: instrument?.symbol ?? symbol, exchangeSymbol, instrument } }
  }

  /** By the exchange's symbol, with or without the signs between its parts. */
  #find(exchangeSymbol: string, kind: InstrumentKind): Instrument | null {
    const ofKind = this.#instruments.filter((instrument) => instrument.kind === kind)
    return (
      ofKind.find((instrument) => instrument.exchangeSymbol === exchangeSymbol) ??
      ofKind.find((instrument) => joined(instrument.exchangeSymbol) === joined(exchangeSymbol)) ??
      null
    )
  }
}

function joined(exchangeSymbol: string): string {
  return exchangeSymbol.replace(/-(?:SWAP$)?/g, '')
}

const instrument: z.ZodType<Instrument> = z.object({
  exchange: z.string(),
  kind: z.enum(instrumentKinds),
  symbol: z.string(),
  exchangeSymbol: z.string(),
  base: z.string(),
  quote: z.string(),
  settle: z.string().nullable(),
  inverse: z.boolean(),
  contractSize: decimalField.nullable(),
  tickSize: decimalField.nullable(),
  lotSize: decimalField.nullable(),
  active: z.boolean(),
  listedAt: z.int().nullable(),
})

/** Lines as this command prints them, of which those that are no instruments are passed over. */
const line = z.union([z.object({ type: z.literal('instrument'), data: instrument }), z.object({ type: z.string() })])

/**
 * Reads a decoded list of instruments: the lines that `--resource instruments` prints, or a JSON array of instruments.
 * @throws SyntaxError, ZodError where it is neither
 */
export function parseInstrumentsFile(text: string): readonly Instrument[] {
  if (text.trimStart().startsWith('[')) return z.array(instrument).parse(JSON.parse(text))
  return text
    .split('\n')
    .filter((row) => row.trim() !== '')
    .map((row) => line.parse(JSON.parse(row)))
    .flatMap((row) => ('data' in row ? [row.data] : []))
}
