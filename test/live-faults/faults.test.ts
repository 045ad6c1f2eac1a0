import { exports } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { connectors } from '../../src/exchanges/registry.ts'
import { Listener } from './listener.ts'
import { control, controlOf, deps, EXCHANGES, type Exchange, feed, type Market, until, upgradesOf } from './scenario.ts'
import { pass, RETRY_LATE, within } from './timing.ts'

interface Scenario {
  readonly name: string
  readonly on: readonly Exchange[]
  /** As `POST /_control` takes them. */
  readonly faults?: readonly object[]
  /** The same, for each market. */
  readonly each?: (market: Scope) => readonly object[]
  /** After all others: what they are for must not have happened before they were there. */
  readonly last?: readonly object[]
  /** Only of this market. */
  readonly only?: 0 | 1
  /** What clients of each market are told, `channel notice`: each of them but those with a question mark, and nothing else. */
  readonly told: readonly string[]
  /** Connections are lost. What is out for longer than 10 s is told to be stale. */
  readonly isOutage?: true
  /** It lasts until trades of both markets have fallen into it, or have come after those that it has met. */
  readonly untilTraded?: true
  /** Snapshots are asked for again after a while, each time later: up to so long. */
  readonly backoffMs?: number
  /** For how long books may be wrong until that is found or updates put them right, simulated ms. */
  readonly wrongForMs?: number
  /** Whether it is over only when the last connection has been replaced: some are noticed later than others. */
  readonly replacesAll?: true
  /** It lasts until clients have been told this. */
  readonly untilTold?: string
  /** What must hold while it lasts, and when all is well again. */
  readonly meanwhile?: (exchange: Exchange) => Promise<void>
  readonly afterwards?: (exchange: Exchange) => Promise<void>
}

interface Scope {
  readonly symbol: string
  readonly host: Market['kind']
}

const ALL = EXCHANGES
const once = { times: 1 }
const DROP = [{ type: 'drop' }]
const OUTAGE = ['book stale', 'trades stale', 'candles stale']
/** The longest that the feed waits by itself. */
const BACKOFF_MS = 32_000
/** What the exchange orders with a 429 or 418. */
const ORDERED_MS = 15_000
const REFUSAL = { type: 'status', retryAfterSeconds: ORDERED_MS / 1_000, on: 'stream' }
/** A socket that is half open is given up within this: 2.5 heartbeats of 20 s, and some seconds to ask. */
const HALF_OPEN_MS = 70_000
/** A topic that speaks each second is found stale within this: 20 s, and some more to ask REST. */
const STALE_MS = 35_000

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'dropped connections, with a trade on its way',
    on: ALL,
    faults: [{ type: 'drop' }],
    each: (scope) => [{ type: 'drop', atFrame: true, ...scope, channel: 'trades', ...once }],
    told: ['book resync'],
    isOutage: true,
  },
  {
    name: 'an end at the maximum age, with a trade on its way',
    on: ALL,
    faults: [{ type: 'close' }],
    each: (scope) => [{ type: 'close', atFrame: true, ...scope, channel: 'trades', ...once }],
    told: ['book resync'],
    isOutage: true,
  },
  {
    name: 'connections that are refused',
    on: ALL,
    faults: [{ type: 'refuse' }],
    last: DROP,
    told: ['book resync'],
    isOutage: true,
    untilTraded: true,
  },
  {
    name: '429 on the upgrade',
    on: ALL,
    faults: [{ ...REFUSAL, status: 429 }],
    last: DROP,
    told: ['book resync'],
    isOutage: true,
    untilTraded: true,
    meanwhile: expectPatience,
    afterwards: expectObedience,
  },
  {
    name: '418 on the upgrade',
    on: ['binance'],
    faults: [{ ...REFUSAL, status: 418 }],
    last: DROP,
    told: ['book resync'],
    isOutage: true,
    untilTraded: true,
    meanwhile: expectPatience,
    afterwards: expectObedience,
  },
  {
    // That takes ten real seconds: the runtime itself gives an upgrade up.
    name: 'upgrades that are never answered',
    on: ['bybit'],
    faults: [{ type: 'hang', on: 'stream' }],
    last: DROP,
    told: ['book resync'],
    isOutage: true,
    untilTraded: true,
  },
  {
    name: 'acknowledgements that come late',
    on: ALL,
    faults: [{ type: 'delay', ms: 5_000, channel: 'control', on: 'stream', ...once }],
    last: DROP,
    told: ['book resync'],
    isOutage: true,
  },
  {
    name: 'connections that are half open',
    on: ALL,
    faults: [{ type: 'silence' }],
    // Which of it depends on what is noticed first: that no data come, or that heartbeats are not answered.
    told: ['book resync'],
    isOutage: true,
    untilTraded: true,
    replacesAll: true,
  },
  {
    name: 'garbage among the frames',
    on: ALL,
    each: (scope) => [{ type: 'garbage', ...scope, channel: 'trades', on: 'stream', ...once }],
    // Where no other trade follows soon, REST says that one is missing.
    told: ['book resync?', 'trades stale?'],
    untilTraded: true,
  },
  {
    name: 'a truncated update',
    on: ALL,
    each: (scope) => [{ type: 'truncate', ...scope, channel: 'book', on: 'stream', ...once }],
    told: ['book resync'],
  },
  {
    name: 'duplicates',
    on: ALL,
    each: (scope) => [
      { type: 'duplicate', ...scope, channel: 'trades', on: 'stream', times: 2 },
      { type: 'duplicate', ...scope, channel: 'book', on: 'stream', times: 2 },
    ],
    told: ['book resync?'],
  },
  {
    name: 'trades out of order',
    on: ALL,
    each: (scope) => [{ type: 'reorder', ...scope, channel: 'trades', on: 'stream', ...once }],
    told: [],
    untilTraded: true,
  },
  {
    // Coinbase numbers no updates: there the order of the connection must be relied on.
    name: 'updates out of order',
    on: ['binance', 'okx', 'bybit'],
    each: (scope) => [{ type: 'reorder', ...scope, channel: 'book', on: 'stream', ...once }],
    told: ['book resync'],
  },
  {
    // Ids on Bybit do not count: there a frame that is skipped within a connection cannot be noticed.
    name: 'a trade that is skipped',
    on: ['binance', 'okx', 'coinbase'],
    each: (scope) => [{ type: 'skip', ...scope, channel: 'trades', ...once }],
    told: [],
    untilTraded: true,
  },
  {
    name: 'an update that is skipped',
    on: ['binance', 'okx', 'bybit'],
    each: (scope) => [{ type: 'skip', ...scope, channel: 'book', ...once }],
    told: ['book resync'],
  },
  {
    name: 'an old snapshot over REST',
    on: ['binance'],
    each: (scope) => [{ type: 'wrong-snapshot', how: 'old', on: 'rest', ...scope, ...once }],
    last: DROP,
    backoffMs: BACKOFF_MS,
    told: ['book resync'],
    isOutage: true,
  },
  {
    name: 'an old snapshot on the stream',
    on: ['okx', 'bybit'],
    each: (scope) => [{ type: 'wrong-snapshot', how: 'old', on: 'stream', ...scope, ...once }],
    last: DROP,
    told: ['book resync'],
    isOutage: true,
  },
  {
    name: 'a wrong level in a snapshot over REST',
    on: ['binance'],
    each: (scope) => [{ type: 'wrong-snapshot', how: 'level', on: 'rest', ...scope, ...once }],
    last: DROP,
    told: ['book resync'],
    isOutage: true,
    wrongForMs: 30_000,
  },
  {
    name: 'a wrong level in a snapshot on the stream',
    on: ['okx', 'bybit', 'coinbase'],
    each: (scope) => [{ type: 'wrong-snapshot', how: 'level', on: 'stream', ...scope, ...once }],
    last: DROP,
    told: ['book resync'],
    isOutage: true,
    wrongForMs: 30_000,
  },
  {
    // Elsewhere its number says so, as above. Here it is soon crossed, or found to differ.
    name: 'an old snapshot of a book without numbers',
    on: ['coinbase'],
    each: (scope) => [{ type: 'wrong-snapshot', how: 'old', on: 'stream', ...scope, ...once }],
    last: DROP,
    told: ['book resync'],
    isOutage: true,
    wrongForMs: 30_000,
  },
  {
    name: 'numbers that begin anew',
    on: ['okx', 'bybit'],
    each: (scope) => [{ type: 'restart', ...scope, ...once }],
    told: [],
  },
  {
    name: 'a book that is crossed',
    on: ALL,
    each: (scope) => [{ type: 'crossed', ...scope, ...once }],
    told: ['book resync'],
  },
  ...([0, 1] as const).map(
    (only): Scenario => ({
      name: `one topic that is silent while others flow, of market ${only + 1}`,
      on: ALL,
      each: (scope) => [{ type: 'silence', ...scope, channel: 'book' }],
      only,
      told: ['book resync', 'book stale'],
      untilTold: 'book stale',
    }),
  ),
]

const isOrdered = (status: number | null): boolean => status === 429 || status === 418

/** Who is refused with `Retry-After` knows that it must wait that long at least. */
async function expectPatience(exchange: Exchange): Promise<void> {
  const { endpoints } = connectors[exchange].stream
  let waited = 0
  await until(`${exchange} to be waited for`, async () => {
    // Before the status: who is refused again after that is on its way meanwhile.
    const upgrades = await Promise.all(endpoints.map(({ path }) => upgradesOf(exchange, path)))
    const { sockets } = await feed(exchange).status(exchange)
    if (sockets.some(({ state }) => state !== 'waiting')) return false
    for (const [index, { name }] of endpoints.entries()) {
      const refusal = upgrades[index]?.findLast(({ status }) => isOrdered(status))
      const retryAt = sockets.find(({ endpoint }) => endpoint === name)?.retryAt
      if (refusal === undefined || retryAt === undefined) continue
      expect({ name, retryAt }).toEqual({ name, retryAt: expect.toSatisfy((at) => at >= refusal.at + ORDERED_MS) })
      waited += 1
    }
    return waited > 0
  })
  await pass(ORDERED_MS)
}

/** Nobody who was refused so came back before. */
async function expectObedience(exchange: Exchange): Promise<void> {
  const waits: number[] = []
  for (const { path } of connectors[exchange].stream.endpoints) {
    const upgrades = await upgradesOf(exchange, path)
    for (const [index, { at, status }] of upgrades.entries()) {
      const next = upgrades[index + 1]
      if (isOrdered(status) && next !== undefined) waits.push(next.at - at)
    }
  }
  expect(waits.length).toBeGreaterThan(0)
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(ORDERED_MS)
}

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

const ONE_BY_ONE = { concurrent: false, retry: RETRY_LATE }

/** The exchange refuses it when it is asked for. */
const REFUSED: Readonly<Record<Exchange, { readonly symbol: string; readonly exchangeSymbol: string }>> = {
  binance: { symbol: 'SOL-USDT', exchangeSymbol: 'SOLUSDT' },
  okx: { symbol: 'SOL-USDT', exchangeSymbol: 'SOL-USDT' },
  bybit: { symbol: 'SOL-USDT', exchangeSymbol: 'SOLUSDT' },
  coinbase: { symbol: 'SOL-USD', exchangeSymbol: 'SOL-USD' },
}

/** Faults of both markets, or of one, until they have met what they are meant for. @returns from when on all must be well */
async function suffer(listener: Listener, scenario: Scenario): Promise<number> {
  const { exchange } = listener
  const {
    name,
    faults = [],
    each,
    last = [],
    only,
    isOutage,
    untilTraded,
    untilTold,
    replacesAll,
    meanwhile,
  } = scenario
  const began = deps.clock.now()
  const mark = listener.mark()
  const scopes = listener.markets.filter((_, index) => only === undefined || index === only)
  const own = scopes.flatMap(({ exchangeSymbol, kind }) => each?.({ symbol: exchangeSymbol, host: kind }) ?? [])
  try {
    for (const fault of [...faults, ...own, ...last]) await control(exchange, { fault })
    const isOver = ({ served, left }: { readonly served: number; readonly left: number | null }) =>
      served > 0 && (left ?? 0) === 0
    await until(`${name} to happen`, async () => (await controlOf(exchange)).faults.every(isOver))
    if (untilTraded) await listener.untilTrades(deps.clock.now())
    if (untilTold !== undefined) {
      const isTold = async () => scopes.every((each) => listener.toldSince(mark, each).includes(untilTold))
      await within(untilTold, began + STALE_MS, isTold)
    }
    await meanwhile?.(exchange)
    if (replacesAll) {
      await within('new connections', began + HALF_OPEN_MS, async () => (await oldestSocket(exchange)) > began)
    }
  } finally {
    await control(exchange, { clear: 'all' })
  }
  return isOutage ? listener.mayReconnectAt() : deps.clock.now()
}

describe.concurrent.each(EXCHANGES)('%s survives', (exchange) => {
  const scenarios = SCENARIOS.filter(({ on }) => on.includes(exchange))

  it.each(scenarios)('$name', ONE_BY_ONE, async (scenario) => {
    const listener = listenerOf(exchange)
    // What an attempt before this one has left behind.
    await listener.caughtUp(await listener.mayReconnectAt())
    const mark = listener.mark()
    // A book that has failed lately starts anew later and later, and says so meanwhile.
    const failsBook = scenario.told.includes('book resync') && scenario.isOutage !== true
    const { wrongForMs = 0, backoffMs = failsBook ? BACKOFF_MS : 0 } = scenario
    const rightFrom = (await suffer(listener, scenario)) + wrongForMs
    if (wrongForMs > 0) await pass(rightFrom - deps.clock.now())
    const truthMark = wrongForMs > 0 ? listener.mark() : mark
    await listener.caughtUp(rightFrom, { backoffMs })
    await listener.expectTruth(truthMark)
    await scenario.afterwards?.(exchange)
    const told = scenario.told.filter((notice) => !notice.endsWith('?'))
    const allowed = [...scenario.told.map((notice) => notice.replace('?', '')), ...(scenario.isOutage ? OUTAGE : [])]
    listener.expectTold(mark, scenario.only === undefined ? told : [], allowed)
    if (scenario.only !== undefined) expect(listener.toldSince(mark, listener.markets[scenario.only])).toEqual(told)
  })

  it('a topic that is refused, at no cost to the others', ONE_BY_ONE, async () => {
    const listener = listenerOf(exchange)
    const { client } = listener
    const { symbol, exchangeSymbol } = REFUSED[exchange]
    const arg = { channel: 'book', symbol, depth: 5 }
    const mark = listener.mark()
    try {
      await control(exchange, { fault: { type: 'reject', symbol: exchangeSymbol, channel: 'book' } })
      await client.subscribe(arg)
      await client.until(() => client.topic(arg).messages.length > 0)
    } finally {
      await control(exchange, { clear: 'all' })
    }
    const told = client.topic(arg).messages.map(({ type, data }) => [type, data?.['reason']])
    expect(told).toEqual([['gap', expect.stringContaining('rejected')]])
    const { rejected } = await feed(exchange).status(exchange)
    // Coinbase refuses the product's heartbeat, too, which goes with each of its channels.
    expect(rejected.length).toBe(exchange === 'coinbase' ? 2 : 1)
    await listener.caughtUp()
    await listener.expectTruth(mark)
    listener.expectTold(mark)
  })

  it('all of it with its candles complete', ONE_BY_ONE, async () => {
    const listener = listenerOf(exchange)
    await listener.expectCandles()
    await listener.expectStored()
  })

  it("all of it with trades that make the exchange's own candles", ONE_BY_ONE, async () => {
    for (const { symbol } of listenerOf(exchange).markets) {
      const path = `candles/${exchange}/${symbol}?interval=1m&source=trades&limit=60`
      const response = await exports.default.fetch(`http://worker/v1/${path}`)
      const { compared, differences } = comparison.parse(await response.json())
      expect({ symbol, differences }).toEqual({ symbol, differences: [] })
      expect(compared).toBeGreaterThan(0)
    }
  })

  it('all of it within the limits of the exchange', ONE_BY_ONE, async () => {
    const { statuses, injected } = await controlOf(exchange)
    for (const status of [403, 418, 429]) {
      expect({ status, count: statuses[status] ?? 0 }).toEqual({ status, count: injected[status] ?? 0 })
    }
  })
})
