import { abortAllDurableObjects } from 'cloudflare:test'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  control,
  counters,
  coverage,
  deps,
  emptySlots,
  HOUR,
  type Loading,
  load,
  MINUTE,
  past,
  prepare,
  storedCandles,
  type Target,
  truth,
  until,
} from './scenario.ts'

const EXCHANGES = ['binance', 'okx', 'bybit', 'coinbase'] as const

beforeAll(async () => {
  await Promise.all(EXCHANGES.map(prepare))
})

beforeEach(async () => {
  await Promise.all(EXCHANGES.map((exchange) => control(exchange, { reset: true })))
})

/** What every fault must end with. */
async function expectTruth(loading: Loading): Promise<void> {
  const expected = await truth(loading)
  expect(await storedCandles(loading)).toEqual(expected.candles)
  expect(await emptySlots(loading)).toEqual(expected.empty)
  expect(expected.candles.length).toBeGreaterThan(0)
  const { stored, recounted } = await coverage(loading)
  expect(stored).toEqual(recounted)
}

async function hostState(exchange: string, kind = 'spot') {
  const { hosts } = await deps.loader(exchange).status(exchange)
  return hosts.find((host) => host.kind === kind)
}

/** Sooner than the loader would come back by itself: an hour of a block is six real seconds here. */
const spot = (exchange: string, exchangeSymbol: string): Target => ({ exchange, exchangeSymbol })
const CANDLES = 'kline|candle'

describe('a fault while history is loaded', () => {
  it.each([
    [
      '429 with Retry-After',
      spot('binance', 'ETHUSDT'),
      { type: 'status', status: 429, retryAfterSeconds: 60, times: 1 },
    ],
    ['418, a ban', spot('binance', 'SOLUSDT'), { type: 'status', status: 418, retryAfterSeconds: 300, times: 1 }],
    ['500s', spot('okx', 'ETH-USDT'), { type: 'status', status: 500, times: 4 }],
    ['502 with HTML', spot('okx', 'XRP-USDT'), { type: 'status', status: 502, body: '<html></html>', times: 3 }],
    ['an answer that never comes', spot('okx', 'SOL-USDT'), { type: 'hang', times: 2 }],
    ['truncated JSON', spot('okx', 'DOGE-USDT'), { type: 'truncate', times: 3 }],
    ['garbage', spot('coinbase', 'ETH-USDT'), { type: 'garbage', times: 3 }],
    ['rows in a wrong order', spot('bybit', 'ETHUSDT'), { type: 'reorder' }],
    ['duplicate rows', spot('coinbase', 'SOL-USDT'), { type: 'duplicate' }],
    ['slow answers', spot('bybit', 'SOLUSDT'), { type: 'delay', ms: 20_000, times: 3 }],
  ])('survives %s', async (_name, target, fault) => {
    await control(target.exchange, { fault: { ...fault, path: CANDLES } })
    const loading = await load(target, past(50, 24))
    await loading.finish()
    const { statuses } = await counters(target.exchange)
    if ('status' in fault && fault.status !== undefined) expect(statuses[String(fault.status)]).toBe(fault.times)
    await expectTruth(loading)
  })

  it('sends nothing to a host that said when to come back', async () => {
    await control('binance', {
      fault: { type: 'status', status: 429, retryAfterSeconds: 600, times: 1, path: CANDLES },
    })
    const loading = await load(spot('binance', 'XRPUSDT'), past(50, 24))
    await until('the block', async () => (await hostState('binance'))?.state === 'retry-after')
    const blocked = await hostState('binance')
    const sent = Object.values((await counters('binance')).requests).reduce((a, b) => a + b, 0)
    expect((blocked?.until ?? 0) - (blocked?.since ?? 0)).toBeGreaterThanOrEqual(600_000)
    for (let poke = 0; poke < 5; poke++) await deps.loader('binance').poke('binance')
    if (deps.clock.now() < (blocked?.until ?? 0)) {
      expect(Object.values((await counters('binance')).requests).reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(
        sent + 4,
      )
    }
    await loading.finish()
    expect((await hostState('binance'))?.state).toBe('ok')
    await expectTruth(loading)
  })

  it('does not delay the others when one exchange is geo-blocked (403 HTML)', async () => {
    await control('bybit', { fault: { type: 'geo-block' } })
    const blocked = await load(spot('bybit', 'XRPUSDT'), past(30, 24))
    await until('the geo-block', async () => (await hostState('bybit'))?.state === 'geo-blocked')
    const other = await load(spot('coinbase', 'XRP-USDT'), past(30, 24))
    await other.finish()
    await expectTruth(other)
    const status = await deps.loader('bybit').status('bybit')
    expect(status.state).toBe('blocked')
    // On this clock it is tried again within a second.
    expect(status.hosts[0]).toMatchObject({ state: 'geo-blocked', failures: expect.any(Number) })
    expect(status.hosts[0]?.failures).toBeGreaterThan(0)
    expect(status.hosts[0]?.since).not.toBeNull()
    expect(status.hosts[0]?.until).toBeGreaterThan(deps.clock.now())
    await control('bybit', { clear: 'all' })
    await blocked.finish()
    await expectTruth(blocked)
  })

  it('goes on with spot where USD-M is geo-blocked (451)', async () => {
    await control('binance', { fault: { type: 'geo-block', host: 'perpetual' } })
    const perpetual = await load({ exchange: 'binance', exchangeSymbol: 'BTCUSDT', kind: 'perpetual' }, past(30, 24))
    await until('the 451', async () => (await hostState('binance', 'perpetual'))?.state === 'geo-blocked')
    const loading = await load(spot('binance', 'DOGEUSDT'), past(30, 24))
    await loading.finish()
    await expectTruth(loading)
    expect((await deps.loader('binance').status('binance')).state).toBe('degraded')
    await control('binance', { clear: 'all' })
    await perpetual.finish()
    await expectTruth(perpetual)
  })

  it('asks again for candles that are missing and later there', async () => {
    const window = past(30, 24)
    const missing = { start: window.start + 5 * HOUR, end: window.start + 5 * HOUR + 7 * MINUTE }
    await control('bybit', {
      fault: { type: 'missing', ...missing, symbol: 'DOGEUSDT', until: deps.clock.now() + 3 * MINUTE },
    })
    const loading = await load(spot('bybit', 'DOGEUSDT'), window)
    await loading.finish()
    await expectTruth(loading)
    expect(await emptySlots(loading)).toEqual([])
  })

  it('takes candles that never appear for empty, after the second proof', async () => {
    const window = past(30, 24)
    const missing = { start: window.start + 3 * HOUR, end: window.start + 3 * HOUR + 4 * MINUTE }
    await control('okx', { fault: { type: 'missing', ...missing, symbol: 'BTC-USDT', permanent: true } })
    const loading = await load(spot('okx', 'BTC-USDT'), window)
    const started = deps.clock.now()
    await loading.finish()
    expect(deps.clock.now() - started).toBeGreaterThanOrEqual(10 * MINUTE)
    await expectTruth(loading)
    expect(await emptySlots(loading)).toHaveLength(4)
  })

  it.each(['high-below-low', 'negative-volume', 'open-above-high'])(
    'quarantines a candle that cannot be (%s), stores the rest, and repairs it',
    async (how) => {
      const symbol =
        { 'high-below-low': 'BTC-USDT', 'negative-volume': 'DOGE-USDT', 'open-above-high': 'BTC-USD' }[how] ?? ''
      const window = past(20, 24)
      const bad = { start: window.start + HOUR, end: window.start + HOUR + 2 * MINUTE }
      await control('coinbase', { fault: { type: 'invalid', ...bad, how, symbol, times: 1 } })
      const loading = await load(spot('coinbase', symbol), window)
      await loading.finish()
      await expectTruth(loading)
      const { results } = await deps.stores.main
        .prepare('SELECT open_time FROM quarantine WHERE series_id = ?1 ORDER BY open_time')
        .bind(loading.seriesId)
        .all<{ open_time: number }>()
      expect(results.map((row) => row.open_time)).toEqual([bad.start, bad.start + MINUTE])
    },
  )

  it('reads a candle that changed after it closed once more, and counts the revision', async () => {
    const recent = past(1, 0)
    const window = { start: recent.start, end: recent.end + 2 * HOUR }
    const loading = await load(spot('binance', 'BTCUSDT'), window, true)
    const count = async () => (await storedCandles(loading)).length
    await until('the first tail', async () => (await count()) > 30)
    const last = Number((await storedCandles(loading)).at(-1)?.[0])
    await control('binance', { fault: { type: 'revise', symbol: 'BTCUSDT', start: last, end: last + MINUTE } })
    await until('the window', async () => (await count()) === 180)
    await until(
      'the second reading',
      async () => JSON.stringify(await storedCandles(loading)) === JSON.stringify((await truth(loading)).candles),
    )
    await expectTruth(loading)
    const series = await deps.stores.main
      .prepare('SELECT revision FROM series WHERE id = ?1')
      .bind(loading.seriesId)
      .first<{ revision: number }>()
    expect(series?.revision).toBe(1)
    await deps.stores.main.prepare('UPDATE series SET recorded_from = NULL WHERE id = ?1').bind(loading.seriesId).run()
  })

  it('goes on where it was when the object is gone in mid-chunk', async () => {
    await control('bybit', { fault: { type: 'delay', ms: 30_000, path: CANDLES } })
    const loading = await load(spot('bybit', 'BTCUSDT'), past(100, 24))
    for (let eviction = 0; eviction < 4; eviction++) {
      await new Promise((resolve) => setTimeout(resolve, 70))
      await abortAllDurableObjects()
      await deps.loader('bybit').poke('bybit')
    }
    await control('bybit', { clear: 'all' })
    await loading.finish()
    await expectTruth(loading)
  })

  it('goes on when D1 fails in mid-backfill', async () => {
    await control('okx', { fault: { type: 'delay', ms: 10_000, path: CANDLES } })
    const loading = await load({ exchange: 'okx', exchangeSymbol: 'BTC-USDT-SWAP', kind: 'perpetual' }, past(100, 24))
    await until('the first chunk', async () => (await storedCandles(loading)).length > 0)
    await deps.stores.main.prepare('ALTER TABLE coverage RENAME TO coverage_away').run()
    await new Promise((resolve) => setTimeout(resolve, 300))
    await deps.stores.main.prepare('ALTER TABLE coverage_away RENAME TO coverage').run()
    await control('okx', { clear: 'all' })
    await loading.finish()
    await expectTruth(loading)
  })

  it('does the work once when two crons come at once', async () => {
    const first = await load(spot('coinbase', 'ETH-USD'), past(1, 200))
    await first.finish()
    await control('coinbase', { reset: true })
    const loading = await load(spot('coinbase', 'ETH-USD'), past(50, 24))
    await Promise.all(Array.from({ length: 10 }, () => deps.loader('coinbase').poke('coinbase')))
    await until('coverage', async () => (await storedCandles(loading)).length > 2_900)
    const { requests } = await counters('coinbase')
    const pages = Object.entries(requests).filter(([path]) => path.includes('candles'))
    const empties = (await truth(loading)).empty.length
    const asked = pages.reduce((sum, [, count]) => sum + count, 0)
    expect(asked).toBeGreaterThanOrEqual(10)
    expect(asked).toBeLessThanOrEqual(11 + 3 * empties)
    await loading.finish()
    await expectTruth(loading)
  })

  it('ends an instrument that is delisted in mid-backfill at its last candle', async () => {
    const window = past(40, 4)
    const delistedAt = window.end - 10 * HOUR + 30 * MINUTE
    await control('binance', { fault: { type: 'delay', ms: 20_000, path: CANDLES } })
    const loading = await load(spot('binance', 'PEPEUSDT'), window)
    await control('binance', { delist: { symbol: 'PEPEUSDT', kind: 'spot', at: delistedAt } })
    await control('binance', { clear: 'all' })
    await loading.finish()
    await expectTruth(loading)
    const instrument = await deps.stores.main
      .prepare(
        "SELECT active, valid_to FROM instruments WHERE exchange = 'binance' AND exchange_symbol = 'PEPEUSDT' AND kind = 'spot'",
      )
      .first<{ active: number; valid_to: number }>()
    const last = Number((await storedCandles(loading)).at(-1)?.[0])
    expect(instrument).toEqual({ active: 0, valid_to: last + MINUTE })
  })
})
