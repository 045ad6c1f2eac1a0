import { runInDurableObject } from 'cloudflare:test'
import { beforeAll, expect, it } from 'vitest'
import { prepare } from '../faults/scenario.ts'
import type { ClientTrade, TopicLog } from '../harness/stream-client.ts'
import { feed, MARKETS, openRelay } from './scenario.ts'
import { expectBooks, trueTrades } from './truth.ts'

const [market] = MARKETS.okx
const TRADES = { channel: 'trades', exchange: 'okx', symbol: market.symbol }
const BOOK = { channel: 'book', exchange: 'okx', symbol: market.symbol, depth: 20 }
/** Messages of each topic, before the link is lost and after: books change each second, trades are rarer. */
const ENOUGH_BOOKS = 20
const ENOUGH_TRADES = 5

beforeAll(() => prepare('okx'))

it('a relay that loses its link tells a gap, then goes on with a snapshot and with every trade', async () => {
  const client = await openRelay()
  await client.subscribe(TRADES, BOOK)
  const logs = [client.topic(TRADES), client.topic(BOOK)] as const
  const [trades, book] = logs
  const isEnough = (since: (log: TopicLog) => number) => () =>
    book.messages.length - since(book) > ENOUGH_BOOKS && trades.messages.length - since(trades) > ENOUGH_TRADES
  await client.until(isEnough(() => 0))
  await runInDurableObject(feed('okx'), (_, state) => {
    for (const link of state.getWebSockets()) link.close(1012, 'restart')
  })
  await client.until(() => logs.every((log) => gapOf(log) >= 0))
  await client.until(isEnough(gapOf))

  expect(client.faults).toEqual([])
  for (const log of logs) {
    expect(log.notices()).toMatchObject([{ type: 'gap', seq: null, data: { reason: 'the link to the feed was lost' } }])
    // The feed itself has not restarted.
    expect(new Set(log.epochs).size).toBe(1)
    expect(log.epochs).toHaveLength(2)
  }
  expect(book.messages[gapOf(book) + 1]?.data).toMatchObject({ kind: 'snapshot' })
  expect(await expectBooks(market, book)).toBeGreaterThanOrEqual(2 * ENOUGH_BOOKS)
  const before = gapOf(trades)
  await expectAll(trades.trades().slice(0, before))
  await expectAll(trades.trades().slice(before))
  client.close()
})

/** Where a relay has told that its link was lost; -1: it has not. */
function gapOf({ messages }: TopicLog): number {
  return messages.findIndex(({ type, seq }) => type === 'gap' && seq === null)
}

/** Between the first and the last trade none is missing. */
async function expectAll(trades: readonly ClientTrade[]): Promise<void> {
  const times = trades.map(({ exchangeTime }) => exchangeTime)
  const truth = (await trueTrades(market, Math.min(...times), Math.max(...times) + 1)).map(({ id }) => id)
  const ids = trades.map(({ id }) => id)
  const from = truth.indexOf(ids[0] ?? '')
  expect(ids).toEqual(truth.slice(from, from + ids.length))
}
