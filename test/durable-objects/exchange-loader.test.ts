import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ExchangeLoader } from '../../durable-objects/exchange-loader.ts'
import { deriveCandle } from '../../src/domain/derive.ts'
import { DAY } from '../../src/domain/interval.ts'
import { control, deps, HOUR, load, MINUTE, past, prepare, truth, until } from '../faults/scenario.ts'

const loader = deps.loader('okx')

beforeAll(() => prepare('okx'))

async function rows<T>(sql: string, ...values: unknown[]): Promise<T[]> {
  return (
    await env.DB.prepare(sql)
      .bind(...values)
      .all<T>()
  ).results
}

describe('ExchangeLoader', () => {
  it('reads the instruments of every kind, and keeps apart what it cannot name', async () => {
    const kinds = await rows(
      "SELECT kind, count(*) AS n FROM instruments WHERE exchange = 'okx' AND active GROUP BY 1 ORDER BY 1",
    )
    expect(kinds).toEqual([
      { kind: 'perpetual', n: expect.any(Number) },
      { kind: 'spot', n: expect.any(Number) },
    ])
    expect(
      await rows("SELECT exchange_symbol, reason FROM rejected_instruments WHERE exchange = 'okx' AND kind = 'spot'"),
    ).toEqual([{ exchange_symbol: 'AI 2-USDT', reason: expect.any(String) }])
    const status = await loader.status('okx')
    expect(status).toMatchObject({ exchange: 'okx', rejectedInstruments: expect.any(Number), lastError: null })
    expect(status.hosts.map((host) => [host.kind, host.state])).toEqual([
      ['spot', 'ok'],
      ['perpetual', 'ok'],
    ])
    expect(status.lastRunAt).not.toBeNull()
    expect(status.nextRunAt).toBeGreaterThan(status.lastRunAt ?? 0)
  })

  it('still knows after an eviction when it last ran, and why that failed', async () => {
    await until('the end of a run', async () => (await loader.status('okx')).nextRunAt !== null)
    await evictDurableObject(loader)
    expect(await loader.status('okx')).toMatchObject({
      state: expect.stringMatching(/^(idle|running)$/),
      lastRunAt: expect.any(Number),
      lastError: null,
    })
    await env.DB.prepare('ALTER TABLE backfill_windows RENAME TO hidden').run()
    await runInDurableObject(loader, (instance: ExchangeLoader) => instance.alarm())
    await evictDurableObject(loader)
    const failed = await loader.status('okx')
    await env.DB.prepare('ALTER TABLE hidden RENAME TO backfill_windows').run()
    expect(failed.lastError).toBe('the database did not answer')
    await loader.poke('okx')
    await until('a run without a fault', async () => (await loader.status('okx')).lastError === null)
    expect((await loader.status('okx')).lastRunAt).toBeGreaterThan(failed.lastRunAt ?? 0)
  })

  it('stores volumes of contracts in base units', async () => {
    const loading = await load(
      { exchange: 'okx', exchangeSymbol: 'ETH-USDT-SWAP', kind: 'perpetual', interval: '1h' },
      past(48, 24),
    )
    await loading.finish()
    const { candles } = await truth(loading)
    const stored = await rows<{ volume: string }>(
      'SELECT volume FROM candles WHERE series_id = ?1 ORDER BY open_time',
      loading.seriesId,
    )
    expect(stored.map(({ volume }) => volume)).toEqual(candles.map((candle) => candle[5]))
  })

  it('rolls complete, verified days up, and makes them anew when their input is revised', async () => {
    const end = Math.floor(deps.clock.now() / DAY) * DAY - DAY
    const window = { start: end - 2 * DAY, end }
    const loading = await load({ exchange: 'okx', exchangeSymbol: 'XRP-USDT', interval: '1h' }, window, true)
    const rolled = () =>
      rows<{ open_time: number; close: string; volume: string }>(
        "SELECT open_time, close, volume FROM rollups WHERE series_id = ?1 AND interval = '1d' AND open_time < ?2 ORDER BY 1",
        loading.seriesId,
        end,
      )
    const rollUpNow = () =>
      runInDurableObject(loader, async (_loader, { storage }) => {
        const memo = await storage.get<object>('memo')
        await storage.put('memo', { ...memo, rolledUpAt: 0 })
      })
    await until('the rollup', async () => {
      await rollUpNow()
      await loader.poke('okx')
      return (await rolled()).length === 2
    })
    const daily = await truth({ ...loading, interval: '1d' })
    expect((await rolled()).map((row) => [row.open_time, row.close, row.volume])).toEqual(
      daily.candles.map((candle) => [candle[0], candle[4], candle[5]]),
    )
    await env.DB.prepare("UPDATE candles SET volume = '0' WHERE series_id = ?1 AND open_time = ?2")
      .bind(loading.seriesId, end - HOUR)
      .run()
    expect((await rolled()).map((row) => row.open_time)).toEqual([end - 2 * DAY])
    await until('the new rollup', async () => {
      await rollUpNow()
      await loader.poke('okx')
      return (await rolled()).length === 2
    })
    const lastVolume = daily.candles[1]?.[5]
    expect((await rolled())[1]?.volume).not.toBe(lastVolume)
    await env.DB.prepare('UPDATE series SET recorded_from = NULL WHERE id = ?1').bind(loading.seriesId).run()
  })

  it('answers with the candle of the current slot, and stores none of it', async () => {
    const [instrument] = await rows<{ id: number }>(
      "SELECT id FROM instruments WHERE exchange = 'okx' AND exchange_symbol = 'BTC-USDT'",
    )
    const answer = await loader.readOpenCandles('okx', instrument?.id ?? 0, '1h')
    const open = answer.ok ? answer.candles.at(-1) : undefined
    if (open === undefined) throw new Error('no open candle')
    expect(open.closed).toBe(false)
    expect(open.openTime).toBeGreaterThan(deps.clock.now() - 2 * HOUR)
    expect(deriveCandle([open], open.openTime).closed).toBe(false)
    expect(await loader.readOpenCandles('okx', -1, '1h')).toMatchObject({ ok: false, code: 'unknown_instrument' })
    await control('okx', { fault: { type: 'status', status: 429, retryAfterSeconds: 900, times: 1, path: 'candle' } })
    expect(await loader.readOpenCandles('okx', instrument?.id ?? 0, '1h')).toMatchObject({
      ok: false,
      code: 'rate_limited',
    })
    expect(await loader.readOpenCandles('okx', instrument?.id ?? 0, '1h')).toMatchObject({ ok: false })
    await until(
      'recovery',
      async () =>
        (await loader.status('okx')).hosts[0]?.until === null ||
        (await loader.readOpenCandles('okx', instrument?.id ?? 0, '1h')).ok,
    )
  })

  it('stops where the configuration has moved its exchange to another region', async () => {
    await runInDurableObject(loader, async (instance: ExchangeLoader, { storage }) => {
      await storage.put('name', 'loader:okx:elsewhere')
      await instance.alarm()
      expect(await storage.getAlarm()).toBeNull()
      expect(await storage.get('lease')).toBeUndefined()
    })
  })

  it('gives way to a newer loader of its exchange', async () => {
    await loader.poke('okx')
    await until('a run', async () => (await loader.status('okx')).instrumentsRefreshedAt !== null)
    await env.DB.prepare(
      "UPDATE leases SET generation = generation + 1, writer = generation + 1 WHERE exchange = 'okx' AND role = 'loader'",
    ).run()
    await runInDurableObject(loader, async (instance: ExchangeLoader, { storage }) => {
      const memo = await storage.get<object>('memo')
      await storage.put('memo', { ...memo, instrumentsRefreshedAt: 0, instrumentsTriedAt: 0 })
      await instance.alarm()
      expect(await storage.getAlarm()).toBeNull()
    })
  })

  it('records the default series once, where there was no loader before', async () => {
    const bybit = deps.loader('bybit')
    await bybit.poke('bybit')
    const recorded = () =>
      rows<{ interval: string; n: number; since: number }>(
        `SELECT s.interval, count(*) AS n, min(s.recorded_from) AS since FROM series s JOIN instruments i ON i.id = s.instrument_id
         WHERE i.exchange = 'bybit' GROUP BY 1 ORDER BY 1`,
      )
    await until('the defaults', async () => (await recorded()).length === 3)
    expect((await recorded()).map(({ interval, n }) => [interval, n])).toEqual([
      ['1d', 5],
      ['1h', 5],
      ['1m', 5],
    ])
    const since = (await recorded())[0]?.since ?? 0
    expect(deps.clock.now() - since).toBeGreaterThanOrEqual(3 * DAY)
    expect(deps.clock.now() - since).toBeLessThan(4 * DAY)
    expect(since % MINUTE).toBe(0)
    await env.DB.prepare('UPDATE series SET recorded_from = NULL').run()
  })
})
