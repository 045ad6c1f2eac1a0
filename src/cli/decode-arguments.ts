import { parseArgs } from 'node:util'
import { type InstrumentKind, instrumentKinds, parseSymbol } from '../domain/instrument.ts'
import { type Interval, intervals, isInterval } from '../domain/interval.ts'
import type { RestApi } from '../exchanges/connector.ts'
import { connectorFor, type ExchangeName, exchangeNames, isExchangeName } from '../exchanges/registry.ts'
import { MAX_LINE_LENGTH } from './line-reader.ts'

export const restResources = [
  'instruments',
  'candles',
  'trades',
  'ticker',
  'order-book',
  'funding-rates',
  'error',
] as const
export type RestResource = (typeof restResources)[number]

const transports = ['rest', 'ws'] as const

/** What `npm run decode` was asked to do. */
export type DecodeOptions = RestOptions | StreamOptions

interface CommonOptions {
  readonly exchange: ExchangeName
  readonly kind: InstrumentKind
  /** As typed: ours, ccxt's, zvt's or the exchange's own. */
  readonly symbol: string | null
  /** A file of instruments as `--resource instruments` prints them. */
  readonly instrumentsFile: string | null
}

/** Bodies of HTTP answers. */
export interface RestOptions extends CommonOptions {
  readonly transport: 'rest'
  readonly resource: RestResource
  readonly interval: Interval | null
  /** The HTTP status under which an `error` body came. */
  readonly status: number
}

/** Frames of a WebSocket, a line each. */
export interface StreamOptions extends CommonOptions {
  readonly transport: 'ws'
}

const exchangeChoice = `--exchange ${exchangeNames.join('|')}`

export const usage = `usage: npm run decode -- ${exchangeChoice} --transport rest --resource RESOURCE < body
       npm run decode -- ${exchangeChoice} --transport ws < frames

  --resource     ${restResources.join(' | ')}
  --kind         ${instrumentKinds.join(' | ')} (default spot)
  --symbol       BTC-USDT, BTC/USDT:USDT or the exchange's own, where the input does not say
  --interval     ${intervals.join(' ')}, of candles
  --instruments  FILE as printed for --resource instruments: gives symbols, contract sizes, and which perpetuals follow an index
  --status       HTTP status of an error body (default 200)
  --help         this

Frames are lines of at most ${MAX_LINE_LENGTH} characters: a longer one is invalid and stepped over.
`

/** Wrong arguments: the command prints the message with the usage and exits with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/**
 * @returns `help` where the usage is asked for, whatever else is
 * @throws UsageError
 */
export function parseDecodeArguments(args: readonly string[]): DecodeOptions | 'help' {
  const values = parseOptions(args)
  if (values.help === true) return 'help'
  const exchange = values.exchange ?? ''
  if (!isExchangeName(exchange)) throw new UsageError(`--exchange must be one of ${exchangeNames.join(', ')}`)
  const transport = oneOf('--transport', transports, values.transport ?? '')
  const kind = oneOf('--kind', instrumentKinds, values.kind ?? 'spot')
  const rest = connectorFor(exchange)?.rest
  if (rest?.baseUrl[kind] === undefined) throw new UsageError(`${exchange} has no ${kind} instruments here`)
  const symbol = values.symbol ?? null
  if (symbol !== null) checkSymbol(symbol, exchange, rest.baseUrl)
  const common = { exchange, kind, symbol, instrumentsFile: values.instruments ?? null }
  if (transport === 'ws') {
    for (const name of restOnly)
      if (values[name] !== undefined)
        throw new UsageError(`--${name} belongs to --transport rest: frames say it themselves`)
    return { ...common, transport }
  }
  const resource = oneOf('--resource', restResources, values.resource ?? '')
  if (resource === 'funding-rates' && rest.fundingRates === undefined) {
    throw new UsageError(`${exchange} has no funding rates`)
  }
  const interval = values.interval ?? null
  if (interval !== null && !isInterval(interval)) {
    throw new UsageError(`--interval must be one of ${intervals.join(', ')}`)
  }
  const status = values.status ?? '200'
  if (!/^[1-5]\d\d$/.test(status)) throw new UsageError('--status must be an HTTP status')
  return { ...common, transport, resource, interval, status: Number(status) }
}

const restOnly = ['resource', 'interval', 'status'] as const

/** One that names an instrument, of a kind that the exchange has here. What it lists is not known. */
function checkSymbol(symbol: string, exchange: ExchangeName, baseUrl: RestApi['baseUrl']): void {
  const query = parseSymbol(symbol)
  if (query === undefined && !/[\p{L}\p{N}]/u.test(symbol)) throw new UsageError('--symbol must name an instrument')
  const isPerpetual = query?.by === 'symbol' ? query.symbol.endsWith('-PERP') : query?.kind === 'perpetual'
  if (isPerpetual && baseUrl.perpetual === undefined)
    throw new UsageError(`${exchange} has no perpetual instruments here`)
}

function parseOptions(args: readonly string[]) {
  const text = { type: 'string' } as const
  const options = {
    exchange: text,
    transport: text,
    resource: text,
    kind: text,
    symbol: text,
    interval: text,
    instruments: text,
    status: text,
    help: { type: 'boolean' } as const,
  }
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false }).values
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : 'wrong arguments', { cause })
  }
}

function oneOf<T extends string>(name: string, choices: readonly T[], value: string): T {
  const found = choices.find((choice) => choice === value)
  if (found === undefined) throw new UsageError(`${name} must be one of ${choices.join(', ')}`)
  return found
}
