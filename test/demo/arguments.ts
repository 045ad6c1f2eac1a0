import { parseArgs } from 'node:util'

export const USAGE = `usage: npm run demo [-- --port 8787 --seed 1 --speed 1 --exit]

  --port   where the worker listens; 0 takes any free port
  --seed   the market that the simulated exchanges agree on: same seed, same prices
  --speed  from 0.1 to 5; at 1, one simulated hour passes in a real minute; live data is not proven above 1
  --exit   ends once everything is loaded and proven: exit code 0, or 1 where that takes over two minutes`

export interface DemoOptions {
  readonly port: number
  readonly seed: number
  /** Simulated hours a real minute. */
  readonly speed: number
  /** Ends after the proof instead of going on serving. */
  readonly exit: boolean
}

export type DemoArguments =
  | { readonly kind: 'run'; readonly options: DemoOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'invalid'; readonly message: string }

/** Reads the command line; never throws. */
export function parseDemoArguments(args: readonly string[]): DemoArguments {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: 'string', default: '8787' },
        seed: { type: 'string', default: '1' },
        speed: { type: 'string', default: '1' },
        exit: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) return { kind: 'help' }
    const options = {
      port: parseNumber('port', values.port, (port) => Number.isInteger(port) && port >= 0 && port <= 65_535),
      seed: parseNumber('seed', values.seed, (seed) => Number.isSafeInteger(seed) && seed >= 0),
      speed: parseNumber('speed', values.speed, (speed) => speed >= 0.1 && speed <= 5),
      exit: values.exit,
    }
    return { kind: 'run', options }
  } catch (error) {
    return { kind: 'invalid', message: error instanceof Error ? error.message : String(error) }
  }
}

function parseNumber(name: string, text: string, isValid: (value: number) => boolean): number {
  const value = Number(text)
  if (text.trim() === '' || !isValid(value)) throw new Error(`--${name} cannot be ${JSON.stringify(text)}`)
  return value
}
