/** The benchmarks, in the order in which they run. */
export const benchNames = ['load', 'query', 'decode', 'stream', 'ingest', 'replay', 'quality'] as const
export type BenchName = (typeof benchNames)[number]

export const USAGE = `usage: npm run bench [-- ${benchNames.join('|')}] [--json] [--help]`

export interface BenchArguments {
  readonly names: readonly BenchName[]
  /** One JSON line a measurement instead of a table. */
  readonly json: boolean
  /** How it is used is asked for: nothing is measured. */
  readonly help: boolean
}

/** @throws Error that names what is wrong, for the command line */
export function parseBenchArguments(args: readonly string[]): BenchArguments {
  const names: BenchName[] = []
  let [json, help] = [false, false]
  for (const argument of args) {
    const name = benchNames.find((candidate) => candidate === argument)
    if (argument === '--json') json = true
    else if (argument === '--help') help = true
    else if (name === undefined) throw new Error(`there is no benchmark or option ${JSON.stringify(argument)}`)
    else if (!names.includes(name)) names.push(name)
  }
  return { names: names.length === 0 ? benchNames : names, json, help }
}
