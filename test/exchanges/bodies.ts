import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { decodeInput } from '../../src/cli/decode.ts'
import type { RestOptions, RestResource } from '../../src/cli/decode-arguments.ts'
import type { Message } from '../../src/cli/message.ts'
import type { InstrumentKind } from '../../src/domain/instrument.ts'
import { type ExchangeName, exchangeNames } from '../../src/exchanges/registry.ts'

/** A body of an exchange in a file, and what it is. */
export interface Body {
  readonly exchange: ExchangeName
  readonly resource: RestResource
  readonly kind: InstrumentKind
  readonly status: number
  /** Short, for the names of tests. */
  readonly name: string
  readonly path: string
  readonly text: string
}

const fixturesFolder = join(import.meta.dirname, '../fixtures')
const recordingsFolder = join(import.meta.dirname, '../../../shared/recordings')

/** `<exchange>/<resource>.<kind or status>[.<variant>].<json or txt>` */
export function fixtureBodies(): readonly Body[] {
  return exchangeNames.flatMap((exchange) =>
    filesIn(join(fixturesFolder, exchange)).map((path): Body => {
      const [resource = '', second = ''] = basename(path).split('.')
      const isError = resource === 'error'
      return {
        exchange,
        resource: resource as RestResource,
        kind: second === 'perpetual' ? 'perpetual' : 'spot',
        status: isError ? Number(second) : 200,
        name: `${exchange}/${basename(path)}`,
        path,
        text: readFileSync(path, 'utf8'),
      }
    }),
  )
}

/** Folder of a recording -> exchange and kind. */
const recordedExchanges = {
  binance: ['binance', 'spot'],
  'binance-futures': ['binance', 'perpetual'],
  okx: ['okx', 'spot'],
  bybit: ['bybit', 'spot'],
  'coinbase-exchange': ['coinbase', 'spot'],
} as const satisfies Record<string, readonly [ExchangeName, InstrumentKind]>

/** Channel of a recording -> resource; other channels hold what no connector asks for. */
const recordedResources: Readonly<Record<string, RestResource>> = {
  exchangeInfo: 'instruments',
  'exchangeInfo-records': 'instruments',
  instruments: 'instruments',
  'instruments-records': 'instruments',
  products: 'instruments',
  klines: 'candles',
  markPriceKlines: 'candles',
  candles: 'candles',
  trades: 'trades',
  aggTrades: 'trades',
  ticker: 'ticker',
  tickers: 'ticker',
  bookTicker: 'ticker',
  depth: 'order-book',
  orderbook: 'order-book',
  book: 'order-book',
  'book-level3': 'order-book',
  rpi_orderbook: 'order-book',
  funding: 'funding-rates',
  premiumIndex: 'funding-rates',
  error: 'error',
}

/** What exchanges really sent; none where the recordings are not beside the project. */
export function recordedBodies(): readonly Body[] {
  return Object.entries(recordedExchanges).flatMap(([folder, [exchange, kind]]) =>
    Object.entries(recordedResources).flatMap(([channel, resource]) =>
      filesIn(join(recordingsFolder, folder, 'rest', channel)).map((path): Body => {
        const name = `${folder}/${channel}/${basename(path)}`
        return { exchange, resource, kind, status: 400, name, path, text: readFileSync(path, 'utf8') }
      }),
    ),
  )
}

/** The path of what a library made of a body, or of what we expect, where there is such a file. */
export function besides(path: string, suffix: string): string | undefined {
  const beside = path.replace(/\.[a-z]+$/, suffix)
  return existsSync(beside) ? beside : undefined
}

export function decodeBody(body: Body, options: Partial<RestOptions> = {}): readonly Message[] {
  const { exchange, resource, kind, status } = body
  const defaults = { transport: 'rest', symbol: null, interval: null, instrumentsFile: null } as const
  return [...decodeInput({ ...defaults, exchange, resource, kind, status, ...options }, body.text)]
}

/** Bodies in a folder, without frames and the files of expectations and notes beside them. */
function filesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => !/\.expected[.-]|\.recv-times\.|\.stream\./.test(name))
    .toSorted()
    .map((name) => join(folder, name))
}
