import type { BenchName } from './arguments.ts'

/** What a figure is held against. */
export interface Baseline {
  readonly name: string
  /** In the unit of the measurement. */
  readonly value: number
}

export interface Measurement {
  readonly bench: BenchName
  /** Begins with the name of what is measured: `limit=100 p50 c1`. */
  readonly case: string
  readonly value: number
  readonly unit: string
  readonly against: Baseline | null
}

export type Report = (measurement: Omit<Measurement, 'bench'>) => void

/** `{"bench","case","value","unit","against","ratio"}`; `ratio` is ours by theirs, both `null` where there is no theirs. */
export function formatJson({ bench, case: name, value, unit, against }: Measurement): string {
  return JSON.stringify({
    bench,
    case: name,
    value: rounded(value),
    unit,
    against: against === null ? null : `${rounded(against.value)} ${unit}, ${against.name}`,
    ratio: against === null ? null : rounded(value / against.value),
  })
}

/** One line of the table. */
export function formatRow({ bench, case: name, value, unit, against }: Measurement): string {
  const figure = `${bench.padEnd(6)} ${name.padEnd(26)} ${text(value).padStart(9)} ${unit.padEnd(10)}`
  if (against === null) return figure.trimEnd()
  return `${figure} ${`${text(value / against.value)} x`.padStart(9)}  ${text(against.value)} (${against.name})`
}

/** Four digits: a benchmark repeats itself to two. */
function rounded(value: number): number {
  return Number(value.toPrecision(4))
}

function text(value: number): string {
  return rounded(value).toLocaleString('en-US', { maximumSignificantDigits: 4 })
}
