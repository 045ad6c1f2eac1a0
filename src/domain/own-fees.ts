import { type Decimal, decimal, parseDecimal } from './decimal.ts'

/** Ten percent: whoever writes more has written percent for a fraction. */
const MAX_FEE = 0.1

/** The taker fees that a caller pays, as fractions (`0.001` is 0.1 %), by exchange. */
export type OwnFees = ReadonlyMap<string, Decimal>

export type FeesReading =
  | { readonly ok: true; readonly fees: OwnFees }
  | { readonly ok: false; readonly faults: readonly string[] }

/** Reads `okx:0.0005,binance:0.00075`. `faults` are in words for the caller. */
export function parseFees(text: string, exchanges: readonly string[]): FeesReading {
  const fees = new Map<string, Decimal>()
  const faults: string[] = []
  for (const entry of new Set(text.split(','))) {
    const [exchange = '', written = '', ...more] = entry.split(':')
    const fee = more.length === 0 ? parseDecimal(written) : undefined
    if (!exchanges.includes(exchange)) faults.push(`${exchange} is none of ${exchanges.join(', ')}`)
    else if (fee === undefined || Number(fee) < 0 || Number(fee) > MAX_FEE) {
      faults.push(`the fee of ${exchange} must be a fraction from 0 to ${MAX_FEE}`)
    } else if (fees.has(exchange)) faults.push(`${exchange} has two fees`)
    else fees.set(exchange, fee)
  }
  return faults.length === 0 ? { ok: true, fees } : { ok: false, faults }
}

/** As {@link parseFees} reads it, in the order of the names: the same fees are the same text. */
export function formatFees(fees: OwnFees): string {
  return [...fees.keys()]
    .sort()
    .map((exchange) => `${exchange}:${fees.get(exchange)}`)
    .join()
}

/** What {@link formatFees} has written. */
export function feesOf(text: string): OwnFees {
  return new Map(
    text.split(',').map((entry) => {
      const [exchange = '', fee = ''] = entry.split(':')
      return [exchange, decimal(fee)] as const
    }),
  )
}
