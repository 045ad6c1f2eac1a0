import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Window } from '../../src/domain/interval.ts'
import { settledTo } from '../../src/history/funding.ts'
import { control, counters, deps, HOUR, hostOf, type Loading, load, MINUTE, past, prepare, until } from './scenario.ts'

const EXCHANGES = ['binance', 'okx', 'bybit'] as const
const DAY = 24 * HOUR
const FUNDING = 'unding'

beforeAll(async () => {
  await Promise.all(EXCHANGES.map(prepare))
})

const recording: Loading[] = []

afterEach(async () => {
  for (const { exchange, seriesId } of recording.splice(0)) {
    await control(exchange, { reset: true })
    const stop = deps.stores.storeFor(exchange).prepare('UPDATE series SET recorded_from = NULL WHERE id = ?1')
    await stop.bind(seriesId).run()
  }
})

/** Records a perpetual as a user does, by its candles of a day. */
async function record(exchange: string, exchangeSymbol: string, days: number): Promise<Loading> {
  const loading = await load({ exchange, exchangeSymbol, kind: 'perpetual', interval: '1d' }, past(days * 24, 0), true)
  recording.push(loading)
  return loading
}

type Rate = (number | string | null)[]

async function rows<T>({ exchange, seriesId }: Loading, sql: string): Promise<T[]> {
  const id = '(SELECT instrument_id FROM series WHERE id = ?1)'
  const { results } = await deps.stores.storeFor(exchange).prepare(sql.replace('$id', id)).bind(seriesId).all<T>()
  return results
}

const covered = (loading: Loading) =>
  rows<Window>(
    loading,
    'SELECT start_time AS start, end_time AS end FROM funding_coverage WHERE instrument_id = $id ORDER BY 1',
  )

const gaps = (loading: Loading) =>
  rows<Window & { reason: string }>(
    loading,
    'SELECT start_time AS start, end_time AS end, reason FROM funding_gaps WHERE instrument_id = $id ORDER BY 1',
  )

const isCovered = async (loading: Loading, { start, end }: Window): Promise<boolean> =>
  (await covered(loading)).some((range) => range.start <= start && range.end >= end)

const truthSchema = z.object({ rates: z.array(z.tuple([z.int(), z.string(), z.string().nullable()])) })

async function truth({ exchange, exchangeSymbol }: Loading, { start, end }: Window): Promise<Rate[]> {
  const query = `symbol=${exchangeSymbol}&kind=perpetual&start=${start}&end=${end}`
  return truthSchema.parse(await (await fetch(`${hostOf(exchange, 'perpetual')}/_truth/funding?${query}`)).json()).rates
}

/** Whatever is covered is stored as it was, and nothing else is in it. */
async function expectTruth(loading: Loading): Promise<void> {
  const ranges = await covered(loading)
  const stored = await rows<{ t: number; rate: string; mark: string | null }>(
    loading,
    'SELECT funding_time AS t, rate, mark_price AS mark FROM funding_rates WHERE instrument_id = $id ORDER BY 1',
  )
  expect(ranges.length).toBeGreaterThan(0)
  for (const range of ranges) {
    const inside = stored.filter(({ t }) => t >= range.start && t < range.end)
    expect(inside.map(({ t, rate, mark }) => [t, rate, mark])).toEqual(await truth(loading, range))
    expect(inside.length).toBeGreaterThan(1)
  }
}

describe('funding rates are loaded with the candles of a perpetual', () => {
  it.each([
    [
      'page by page, of 1,000 every 4 hours, after a 429',
      'binance',
      'XRPUSDT',
      200,
      { type: 'status', status: 429, retryAfterSeconds: 30, times: 1 },
    ],
    [
      'page by page, of 200 every hour, though bodies are cut off',
      'bybit',
      'DOGEUSDT',
      30,
      { type: 'truncate', times: 2 },
    ],
    ['every 8 hours, in any order and twice', 'okx', 'ETH-USDT-SWAP', 60, { type: 'reorder' }],
    ['every hour, twice, from an exchange that is slow', 'okx', 'DOGE-USDT-SWAP', 20, { type: 'duplicate' }],
    ['through 500s and garbage', 'binance', 'ETHUSDT', 60, { type: 'garbage', times: 2 }],
  ])('%s', async (_name, exchange, symbol, days, fault) => {
    await control(exchange, { fault: { ...fault, path: FUNDING } })
    const loading = await record(exchange, symbol, days)
    const wanted = { start: loading.window.start, end: settledTo(deps.clock.now()) }
    await until('the funding', () => isCovered(loading, wanted))
    if ('status' in fault) expect((await counters(exchange)).statuses['429']).toBe(1)
    expect(await covered(loading)).toHaveLength(1)
    expect(await gaps(loading)).toEqual([])
    await expectTruth(loading)
  })

  it('says what lies before the history of an exchange, and goes on with what does not', async () => {
    const loading = await record('okx', 'BTC-USDT-SWAP', 120)
    const wanted = { start: deps.clock.now() - 90 * DAY, end: settledTo(deps.clock.now()) }
    await until('the funding', () => isCovered(loading, wanted))
    await until('the gap', async () => (await gaps(loading)).length > 0)
    const [range] = await covered(loading)
    for (const gap of await gaps(loading)) {
      expect(gap.reason).toBe('out_of_reach')
      expect(gap.start).toBeGreaterThanOrEqual(loading.window.start)
      expect(gap.end).toBeLessThanOrEqual(range?.start ?? 0)
    }
    await expectTruth(loading)
  })

  it('asks again for rates that are missing and later there', async () => {
    const from = past(240, 0).end - 5 * DAY
    const missing = { start: from, end: from + 10 * HOUR, until: deps.clock.now() + 4 * MINUTE }
    await control('bybit', { fault: { type: 'missing', ...missing, symbol: 'XRPUSDT', path: FUNDING } })
    const loading = await record('bybit', 'XRPUSDT', 20)
    await until('the gap', async () => (await gaps(loading)).length > 0)
    const [gap] = await gaps(loading)
    expect(gap).toMatchObject({ reason: 'absent' })
    await expectTruth(loading)
    const wanted = { start: loading.window.start, end: settledTo(deps.clock.now()) }
    await until('the funding', () => isCovered(loading, wanted))
    expect(await gaps(loading)).toEqual([])
    await expectTruth(loading)
  })

  it('takes each settlement in as it comes', async () => {
    const loading = await record('binance', 'DOGEUSDT', 3)
    const next = settledTo(deps.clock.now()) + HOUR
    await until('the next settlement', () => isCovered(loading, { start: loading.window.start, end: next }))
    await expectTruth(loading)
    const [rate] = await truth(loading, { start: next - MINUTE, end: next })
    expect(rate?.[0]).toBe(next - 30_000)
  })
})
