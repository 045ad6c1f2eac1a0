import { exports } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { control, deps, EXCHANGES, type Exchange, faultsInForce, feed, Listener, until } from './scenario.ts'

interface Scenario {
  readonly name: string
  readonly on: readonly Exchange[]
  /** As `POST /_control` takes them, of the exchange's first market. */
  readonly faults: (symbol: string) => readonly object[]
  /** What clients are told, `channel notice`: each of them but those with a question mark, and nothing else but outages. */
  readonly told: readonly string[]
  /** Whether it is over only when the last connection has been replaced: some are noticed later than others. */
  readonly replacesAll?: true
  /** For how long books may be wrong until that is found or updates put them right, simulated ms. */
  readonly wrongForMs?: number
}

const ALL = EXCHANGES
const once = { times: 1 }
/** What is out for longer than 10 s is told to be stale: that takes one real second on a busy machine. */
const OUTAGE = ['book stale', 'trades stale', 'candles stale']

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
    faults: () => [{ type: 'drop' }, { type: 'delay', ms: 5_000, channel: 'control', on: 'stream', ...once }],
    told: ['book resync'],
  },
  {
    name: 'a connection that is half open',
    on: ALL,
    faults: () => [{ type: 'silence' }],
    // Which of it depends on what is noticed first: that no data come, or that heartbeats are not answered.
    told: ['book resync'],
    replacesAll: true,
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
    name: 'a wrong level in a snapshot over REST',
    on: ['binance'],
    faults: (symbol) => [{ type: 'drop' }, { type: 'wrong-snapshot', how: 'level', on: 'rest', symbol, ...once }],
    told: ['book resync'],
    wrongForMs: 30_000,
  },
  {
    name: 'a wrong level in a snapshot on the stream',
    on: ['okx', 'bybit', 'coinbase'],
    faults: (symbol) => [{ type: 'drop' }, { type: 'wrong-snapshot', how: 'level', on: 'stream', symbol, ...once }],
    told: ['book resync'],
    wrongForMs: 30_000,
  },
  {
    // Elsewhere its number says so, as above. Here it is soon crossed, or found to differ.
    name: 'an old snapshot of a book without numbers',
    on: ['coinbase'],
    faults: (symbol) => [{ type: 'drop' }, { type: 'wrong-snapshot', how: 'old', on: 'stream', symbol, ...once }],
    told: ['book resync'],
    wrongForMs: 30_000,
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

const comparison = z.looseObject({ compared: z.int(), differences: z.array(z.unknown()) })

const listeners = new Map<string, Listener>()

beforeAll(async () => {
  const start = async (exchange: Exchange) => listeners.set(exchange, await Listener.start(exchange, { records: true }))
  await Promise.all(EXCHANGES.map(start))
})

function listenerOf(exchange: string): Listener {
  const listener = listeners.get(exchange)
  if (listener === undefined) throw new Error(`nobody listens to ${exchange}`)
  return listener
}

/** When the oldest of a feed's connections was made; of one that is not made yet, never. */
async function oldestSocket(exchange: Exchange): Promise<number> {
  const { sockets } = await feed(exchange).status(exchange)
  return Math.min(...sockets.map(({ connectedAt }) => connectedAt ?? Number.NEGATIVE_INFINITY))
}

/** Once more, for where the machine stands still meanwhile, streams are rightly said to be stale and trades to be lost. */
const ONE_BY_ONE = { concurrent: false, retry: 1 }

/** The exchange refuses it when it is asked for. */
const REFUSED: Readonly<Record<Exchange, { readonly symbol: string; readonly exchangeSymbol: string }>> = {
  binance: { symbol: 'SOL-USDT', exchangeSymbol: 'SOLUSDT' },
  okx: { symbol: 'SOL-USDT', exchangeSymbol: 'SOL-USDT' },
  bybit: { symbol: 'SOL-USDT', exchangeSymbol: 'SOLUSDT' },
  coinbase: { symbol: 'SOL-USD', exchangeSymbol: 'SOL-USD' },
}

describe.concurrent.each(EXCHANGES)('%s survives', (exchange) => {
  const scenarios = SCENARIOS.filter(({ on }) => on.includes(exchange))

  it.each(scenarios)('$name', ONE_BY_ONE, async ({ name, faults, told, replacesAll, wrongForMs = 0 }) => {
    const listener = listenerOf(exchange)
    const [{ exchangeSymbol }] = listener.markets
    const mark = listener.mark()
    const began = deps.clock.now()
    for (const fault of faults(exchangeSymbol)) await control(exchange, { fault })
    const isOver = ({ served, left }: { readonly served: number; readonly left: number | null }) =>
      served > 0 && (left ?? 0) === 0
    await until(`${name} to happen`, async () => (await faultsInForce(exchange)).every(isOver))
    await control(exchange, { clear: 'all' })
    if (replacesAll) await until('new connections', async () => (await oldestSocket(exchange)) > began)
    const rightFrom = deps.clock.now() + wrongForMs
    await until('books to be right', async () => deps.clock.now() >= rightFrom)
    const truthMark = wrongForMs === 0 ? mark : listener.mark()
    await listener.caughtUp()
    await listener.expectTruth(truthMark)
    const heard = listener.toldSince(mark)
    expect([...told.map((each) => each.replace('?', '')), ...OUTAGE]).toEqual(expect.arrayContaining(heard))
    expect(heard).toEqual(expect.arrayContaining(told.filter((each) => !each.endsWith('?'))))
  })

  it('a topic that is refused, at no cost to the others', ONE_BY_ONE, async () => {
    const listener = listenerOf(exchange)
    const { client } = listener
    const { symbol, exchangeSymbol } = REFUSED[exchange]
    const arg = { channel: 'book', symbol, depth: 5 }
    const mark = listener.mark()
    await control(exchange, { fault: { type: 'reject', symbol: exchangeSymbol, channel: 'book' } })
    await client.subscribe(arg)
    await client.until(() => client.topic(arg).messages.length > 0)
    await control(exchange, { clear: 'all' })
    const told = client.topic(arg).messages.map(({ type, data }) => [type, data?.['reason']])
    expect(told).toEqual([['gap', expect.stringContaining('rejected')]])
    const { rejected } = await feed(exchange).status(exchange)
    // Coinbase refuses the product's heartbeat, too, which goes with each of its channels.
    expect(rejected.length).toBe(exchange === 'coinbase' ? 2 : 1)
    await listener.caughtUp()
    await listener.expectTruth(mark)
    expect(listener.toldSince(mark)).toEqual(['book gap'])
  })

  it('all of it with its candles complete', ONE_BY_ONE, async () => {
    const listener = listenerOf(exchange)
    await listener.expectCandles()
    await listener.expectStored()
  })

  it("all of it with trades that make the exchange's own candles", ONE_BY_ONE, async () => {
    const [{ symbol }] = listenerOf(exchange).markets
    const path = `candles/${exchange}/${symbol}?interval=1m&source=trades&limit=60`
    const response = await exports.default.fetch(`http://worker/v1/${path}`)
    const { compared, differences } = comparison.parse(await response.json())
    expect(differences).toEqual([])
    expect(compared).toBeGreaterThan(0)
  })
})
