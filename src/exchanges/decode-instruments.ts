import type { z } from 'zod'
import { formatSymbol, type Instrument, parseAsset } from '../domain/instrument.ts'
import type { InstrumentPage, RejectedRecord } from './connector.ts'
import { firstIssue, rawText } from './decode.ts'

/** What an exchange says of one instrument, before this system names it. */
export type NamedRecord = Omit<Instrument, 'symbol'>

/** - `left-out`: sound, but not something that this system carries: a dated future, an option, a pre-market listing. */
export type InstrumentRead =
  | { readonly kind: 'instrument'; readonly record: NamedRecord }
  | { readonly kind: 'left-out' }
  | { readonly kind: 'rejected'; readonly reason: string }

export const leftOut: InstrumentRead = { kind: 'left-out' }

/** Checks a record and takes from it what describes the instrument. */
export function readAs<T>(schema: z.ZodType<T>, value: unknown, describe: (record: T) => NamedRecord): InstrumentRead {
  const result = schema.safeParse(value)
  if (!result.success) return { kind: 'rejected', reason: firstIssue(result.error) }
  return { kind: 'instrument', record: describe(result.data) }
}

/**
 * Reads every record of a list by itself and names it: one that cannot be read or named stands in `rejected` and never
 * fails the others.
 */
export function readInstruments(
  records: readonly unknown[],
  nextCursor: string | null,
  symbolOf: (record: unknown) => unknown,
  read: (record: unknown) => InstrumentRead,
): InstrumentPage {
  const instruments: Instrument[] = []
  const rejected: RejectedRecord[] = []
  for (const record of records) {
    const result = read(record)
    if (result.kind === 'left-out') continue
    const named = result.kind === 'instrument' ? nameInstrument(result.record) : undefined
    if (named !== undefined) {
      instruments.push(named)
      continue
    }
    const exchangeSymbol = symbolOf(record)
    rejected.push({
      exchangeSymbol: typeof exchangeSymbol === 'string' ? exchangeSymbol : null,
      reason: result.kind === 'rejected' ? result.reason : 'its assets cannot be named',
      raw: rawText(record),
    })
  }
  return { instruments, rejected, nextCursor }
}

function nameInstrument(record: NamedRecord): Instrument | undefined {
  const base = parseAsset(record.base)
  const quote = parseAsset(record.quote)
  if (base === undefined || quote === undefined || record.exchangeSymbol === '') return undefined
  const { exchange, kind, exchangeSymbol, ...rest } = record
  return { exchange, kind, symbol: formatSymbol(base, quote, kind), exchangeSymbol, ...rest, base, quote }
}
