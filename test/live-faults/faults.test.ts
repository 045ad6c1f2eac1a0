import { beforeAll, describe, expect, it } from 'vitest'
import { control, EXCHANGES, type Exchange, faultsInForce, Listener, until } from './scenario.ts'

/** What clients may be told of a fault, by channel; nothing else. */
type Told = readonly string[]

interface Scenario {
  readonly name: string
  readonly on: readonly Exchange[]
  /** As `POST /_control` takes them, of the exchange's first market. */
  readonly faults: (symbol: string) => readonly object[]
  /** What clients are told, `channel notice`: nothing else, and each of them but those with a question mark. */
  readonly told: Told
}

const ALL = EXCHANGES
const once = { times: 1 }

const SCENARIOS: readonly Scenario[] = [
  { name: 'a dropped connection', on: ALL, faults: () => [{ type: 'drop' }], told: ['book resync'] },
  { name: 'an end at the maximum age', on: ALL, faults: () => [{ type: 'close' }], told: ['book resync'] },
  {
    name: 'connections that are refused',
    on: ALL,
    faults: () => [{ type: 'drop' }, { type: 'refuse', times: 2 }],
    told: ['book resync'],
  },
  {
    name: '429 on the upgrade',
    on: ALL,
    faults: () => [{ type: 'drop' }, { type: 'status', status: 429, retryAfterSeconds: 5, on: 'stream', ...once }],
    told: ['book resync'],
  },
  {
    name: 'acknowledgements that come late',
    on: ALL,
    faults: () => [{ type: 'drop' }, { type: 'delay', ms: 5_000, channel: 'control', on: 'stream', times: 3 }],
    told: ['book resync'],
  },
  {
    name: 'a connection that is half open',
    on: ALL,
    faults: () => [{ type: 'silence' }],
    told: ['book resync', 'book stale', 'trades stale', 'candles stale'],
  },
  {
    name: 'garbage among the frames',
    on: ALL,
    faults: (symbol) => [{ type: 'garbage', symbol, channel: 'trades', on: 'stream', ...once }],
    told: ['book resync?'],
  },
  {
    name: 'a truncated update',
    on: ALL,
    faults: (symbol) => [{ type: 'truncate', symbol, channel: 'book', on: 'stream', ...once }],
    told: ['book resync'],
  },
  {
    name: 'duplicates',
    on: ALL,
    faults: (symbol) => [
      { type: 'duplicate', symbol, channel: 'trades', on: 'stream', times: 2 },
      { type: 'duplicate', symbol, channel: 'book', on: 'stream', times: 2 },
    ],
    told: ['book resync?'],
  },
  {
    name: 'trades out of order',
    on: ALL,
    faults: (symbol) => [{ type: 'reorder', symbol, channel: 'trades', on: 'stream', ...once }],
    told: [],
  },
  {
    // Coinbase numbers no updates: there the order of the connection must be relied on.
    name: 'updates out of order',
    on: ['binance', 'okx', 'bybit'],
    faults: (symbol) => [{ type: 'reorder', symbol, channel: 'book', on: 'stream', ...once }],
    told: ['book resync'],
  },
  {
    // Ids on Bybit do not count: there a frame that is skipped within a connection cannot be noticed.
    name: 'a trade that is skipped',
    on: ['binance', 'okx', 'coinbase'],
    faults: (symbol) => [{ type: 'skip', symbol, channel: 'trades', ...once }],
    told: [],
  },
  {
    name: 'an update that is skipped',
    on: ['binance', 'okx', 'bybit'],
    faults: (symbol) => [{ type: 'skip', symbol, channel: 'book', ...once }],
    told: ['book resync'],
  },
  {
    name: 'an old snapshot over REST',
    on: ['binance'],
    faults: (symbol) => [{ type: 'drop' }, { type: 'wrong-snapshot', how: 'old', on: 'rest', symbol, ...once }],
    told: ['book resync'],
  },
  {
    name: 'an old snapshot on the stream',
    on: ['okx', 'bybit'],
    faults: (symbol) => [{ type: 'drop' }, { type: 'wrong-snapshot', how: 'old', on: 'stream', symbol, ...once }],
    told: ['book resync'],
  },
  {
    name: 'numbers that begin anew',
    on: ['okx', 'bybit'],
    faults: (symbol) => [{ type: 'restart', symbol, ...once }],
    told: [],
  },
  {
    name: 'a book that is crossed',
    on: ALL,
    faults: (symbol) => [{ type: 'crossed', symbol, ...once }],
    told: ['book resync'],
  },
  {
    name: 'one topic that is silent while others flow',
    on: ALL,
    faults: (symbol) => [{ type: 'silence', symbol, channel: 'book' }],
    told: ['book resync', 'book stale'],
  },
]

const listeners = new Map<string, Listener>()

beforeAll(async () => {
  await Promise.all(EXCHANGES.map(async (exchange) => listeners.set(exchange, await Listener.start(exchange))))
})

function listenerOf(exchange: string): Listener {
  const listener = listeners.get(exchange)
  if (listener === undefined) throw new Error(`nobody listens to ${exchange}`)
  return listener
}

describe.concurrent.each(EXCHANGES)('%s survives', (exchange) => {
  const scenarios = SCENARIOS.filter(({ on }) => on.includes(exchange))

  it.each(scenarios)('$name', { concurrent: false }, async ({ name, faults, told }) => {
    const listener = listenerOf(exchange)
    const [{ exchangeSymbol }] = listener.markets
    const mark = listener.mark()
    for (const fault of faults(exchangeSymbol)) await control(exchange, { fault })
    await until(`${name} to happen`, async () => (await faultsInForce(exchange)).every(({ served }) => served > 0))
    await until(`${name} to happen`, async () =>
      (await faultsInForce(exchange)).every(({ left }) => left === null || left === 0),
    )
    await control(exchange, { clear: 'all' })
    const t = Date.now()
    await listener.caughtUp()
    console.log(exchange, name, Date.now() - t, JSON.stringify(listener.toldSince(mark)))
    await listener.expectTruth(mark)
    const heard = listener.toldSince(mark)
    for (const notice of heard) expect(told.map((each) => each.replace('?', ''))).toContain(notice)
    for (const notice of told.filter((each) => !each.endsWith('?'))) expect(heard).toContain(notice)
  })
})
