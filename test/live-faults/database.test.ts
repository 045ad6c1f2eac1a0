import { beforeAll, expect, it } from 'vitest'
import { readTrades } from '../../src/store/trades.ts'
import { Listener } from './listener.ts'
import { database, deps, feed, type Market, MINUTE } from './scenario.ts'
import { pass, RETRY_LATE } from './timing.ts'
import { trueTrades } from './truth.ts'

/** One whose trades have ids that count, and one that recalls only recent ones. */
const EXCHANGES = ['binance', 'bybit'] as const
/** What every write needs: who may write, of what, and where it belongs. */
const TABLES = ['leases', 'instruments', 'series']

/** Nothing can be stored while it runs, and little be read: nothing else may run beside it. */
async function withoutDatabase(work: () => Promise<void>): Promise<void> {
  const rename = (suffixes: readonly [string, string]) =>
    database.batch(
      TABLES.map((table) => database.prepare(`ALTER TABLE ${table}${suffixes[0]} RENAME TO ${table}${suffixes[1]}`)),
    )
  await rename(['', '_away'])
  try {
    await work()
  } finally {
    await rename(['_away', ''])
  }
}

async function instrumentId({ exchange, symbol }: Market): Promise<number> {
  const row = await database
    .prepare('SELECT id FROM instruments WHERE exchange = ?1 AND symbol = ?2')
    .bind(exchange, symbol)
    .first<{ id: number }>()
  if (row === null) throw new Error(`no instrument ${symbol}`)
  return row.id
}

/** The stored trades of [start, end) are those that really were, and none is said to be lost. */
async function expectStoredTrades(each: Market, start: number, end: number): Promise<void> {
  const window = { start, end }
  const query = { instrumentId: await instrumentId(each), window, direction: 'forward', limit: 10_000 } as const
  const { trades, gaps } = await readTrades(database, query)
  const stored = trades.map(({ id, exchangeTime, price, size, side }) => ({
    id,
    time: exchangeTime,
    price,
    size,
    side,
  }))
  const { symbol } = each
  expect({ symbol, gaps, stored }).toEqual({ symbol, gaps: [], stored: await trueTrades(each, start, end) })
  expect(stored.length).toBeGreaterThan(0)
}

let listeners: readonly Listener[] = []

beforeAll(async () => {
  listeners = await Promise.all(EXCHANGES.map((exchange) => Listener.start(exchange, { records: true })))
})

it('a minute without the database costs neither candles nor trades', { retry: RETRY_LATE }, async () => {
  const marks = listeners.map((listener) => listener.mark())
  const began = deps.clock.now()
  await pass(10_000)
  await withoutDatabase(() => pass(MINUTE))
  const back = deps.clock.now()
  await Promise.all(listeners.map((listener) => listener.caughtUp(back)))
  for (const [index, listener] of listeners.entries()) {
    const mark = marks[index]
    await listener.expectTruth(mark)
    listener.expectTold(mark ?? new Map())
    await listener.expectCandles()
    // That stores what waits still.
    await feed(listener.exchange).stop(listener.exchange)
    for (const each of listener.markets) await expectStoredTrades(each, began, back)
    await feed(listener.exchange).start(listener.exchange)
  }
})
