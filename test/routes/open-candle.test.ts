import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { decimal } from '../../src/domain/decimal.ts'
import { floorToInterval, type Interval } from '../../src/domain/interval.ts'
import { createApp } from '../../src/routes/app.ts'
import { candleAt, MINUTE, T0 } from '../store/seed.ts'
import { api, candlesOf, insertInstrument, minutes, openTimes, problem, type SeededSeries, seed } from './api.ts'

const at = (minute: number) => T0 + minute * MINUTE
const answer = z.looseObject({ data: z.array(z.looseObject({ openTime: z.int(), closed: z.boolean() })) })

/** The worker ten seconds into a minute after T0, with a loader that answers so. */
async function ask(path: string, minute: number, answer: (interval: Interval) => object): Promise<Response> {
  const loader = {
    readOpenCandles: async (_exchange: string, _id: number, interval: Interval) => answer(interval),
  }
  // A clock that stands still there: it runs a billion times slower than the real one.
  const TIME_SCALE = `0.000000001@${at(minute) + 10_000}`
  const EXCHANGE_LOADER = { getByName: () => loader }
  return createApp().request(path, {}, { ...env, EDGE_CACHE: 'off', TIME_SCALE, EXCHANGE_LOADER })
}

const openAt = (minute: number) => ({ ok: true, candles: [{ ...candleAt(at(minute), '5'), closed: null }] })
const NOTHING = { ok: true, candles: [] }
const as = ({ path }: SeededSeries, interval: string) => path.replace('interval=1m', `interval=${interval}`)

describe('includeOpen=true', () => {
  it('adds the open candle where the answer reaches the present', async () => {
    const { path, fill } = await seed()
    await fill(minutes(0, 10))
    const newest = await ask(`${path}&limit=2&includeOpen=true`, 10, () => openAt(10))
    expect(newest.headers.get('Cache-Control')).toBe('no-store')
    expect(answer.parse(await newest.json()).data.map(({ openTime, closed }) => [openTime, closed])).toEqual([
      [at(8), true],
      [at(9), true],
      [at(10), false],
    ])
    const descending = await ask(`${path}&limit=2&order=desc&includeOpen=true`, 10, () => openAt(10))
    expect(openTimes(await descending.json())).toEqual([at(10), at(9), at(8)])
    for (const query of [`start=${at(8)}`, `start=${at(8)}&end=2099-01-01`]) {
      const response = await ask(`${path}&${query}&includeOpen=true`, 10, () => openAt(10))
      expect(openTimes(await response.json()), query).toEqual([at(8), at(9), at(10)])
    }
  })

  it.each(['limit=2&start=2026-01-01', 'end=2026-01-01T00:09', 'order=desc&limit=2&cursor=1767225840000'])(
    'not where it ends earlier: %s',
    async (query) => {
      const { path, fill } = await seed()
      await fill(minutes(0, 10))
      const response = await ask(`${path}&${query}&includeOpen=true`, 10, () => openAt(10))
      expect(answer.parse(await response.json()).data.every(({ closed }) => closed)).toBe(true)
    },
  )

  it('has its own column in csv', async () => {
    const { path, fill } = await seed()
    await fill(minutes(0, 10))
    const response = await ask(`${path}&limit=1&includeOpen=true&format=csv`, 10, () => openAt(10))
    const rows = (await response.text()).trimEnd().split('\n')
    expect(rows.map((row) => row.split(',').at(-1))).toEqual(['closed', 'true', 'false'])
  })

  it('adds nothing where nothing has traded yet, or ever will', async () => {
    const { path, fill, seriesId } = await seed()
    await fill(minutes(0, 10))
    const response = await ask(`${path}&limit=1&includeOpen=true`, 10, () => NOTHING)
    expect(openTimes(await response.json())).toEqual([at(9)])
    await env.DB.prepare('UPDATE instruments SET valid_to = ?2 WHERE id = ?1').bind(seriesId, at(10)).run()
    const delisted = await ask(`${path}&limit=1&includeOpen=true`, 10, () => openAt(10))
    expect(openTimes(await delisted.json())).toEqual([at(9)])
  })

  it('adds nothing to candles of another source', async () => {
    const { path, seriesId } = await seed()
    await env.DB.prepare("UPDATE series SET source = 'ingest' WHERE id = ?1").bind(seriesId).run()
    const response = await ask(`${path}&limit=2&source=ingest&includeOpen=true`, 10, () => openAt(10))
    expect(openTimes(await response.json())).toEqual([])
  })

  it('fails as the exchange does', async () => {
    const { path } = await seed()
    const failure = { ok: false, code: 'exchange_unavailable', detail: 'no answer in time' }
    const response = await ask(`${path}&includeOpen=true`, 10, () => failure)
    expect(await problem(response)).toMatchObject({ status: 503, detail: 'no answer in time' })
  })

  it('asks for a derived interval itself where the exchange has it', async () => {
    const series = await seed()
    await series.fill(minutes(0, 10))
    const response = await ask(`${as(series, '5m')}&limit=1&includeOpen=true`, 12, (interval) =>
      interval === '5m' ? openAt(10) : NOTHING,
    )
    expect(openTimes(await response.json())).toEqual([at(5), at(10)])
  })

  describe('where the exchange has not', () => {
    /** Coinbase has no 3m. */
    async function seedCoinbase(): Promise<SeededSeries> {
      const series = await seed()
      await env.DB.prepare("UPDATE instruments SET exchange = 'coinbase' WHERE id = ?1").bind(series.seriesId).run()
      return { ...series, path: series.path.replace('okx', 'coinbase') }
    }
    const open = (minute: number) => ({
      ok: true,
      candles: [{ ...candleAt(at(minute), '7'), volume: decimal('0.5') }],
    })

    it('builds it from the closed candles of the slot and the open one below', async () => {
      const series = await seedCoinbase()
      await series.fill(minutes(0, 11))
      const response = await ask(`${as(series, '3m')}&limit=1&includeOpen=true`, 11, () => open(11))
      const { data } = candlesOf(await response.json())
      expect(data.at(-1)).toMatchObject({ openTime: at(9), open: '1', close: '7', volume: '20.5', closed: false })
    })

    it('is the one below at the start of a slot', async () => {
      const series = await seedCoinbase()
      await series.fill(minutes(0, 12))
      const response = await ask(`${as(series, '3m')}&limit=1&includeOpen=true`, 12, () => open(12))
      expect(candlesOf(await response.json()).data.at(-1)).toMatchObject({ openTime: at(12), volume: '0.5' })
    })

    it('holds the one below that settles, and stands in both slots that this touches', async () => {
      const series = await seedCoinbase()
      await series.fill(minutes(0, 11))
      const settling = { ok: true, candles: [...open(11).candles, ...open(12).candles] }
      const response = await ask(`${as(series, '3m')}&limit=1&includeOpen=true`, 12, () => settling)
      expect(candlesOf(await response.json()).data.slice(-2)).toMatchObject([
        { openTime: at(9), volume: '20.5', closed: false },
        { openTime: at(12), volume: '0.5', closed: false },
      ])
    })

    it('is left out where a candle below is not there yet', async () => {
      const series = await seedCoinbase()
      await series.fill(minutes(0, 10))
      const response = await ask(`${as(series, '3m')}&limit=1&includeOpen=true`, 11, () => open(11))
      expect(openTimes(await response.json())).toEqual([at(6)])
    })

    it('is left out where nothing below is recorded', async () => {
      await insertInstrument({ symbol: 'BARE-USDT', exchange: 'coinbase' })
      const response = await ask('/v1/candles/coinbase/BARE-USDT?interval=3m&limit=1&includeOpen=true', 11, () =>
        open(11),
      )
      expect(openTimes(await response.json())).toEqual([])
    })
  })

  it('comes from the exchange itself', async () => {
    await insertInstrument({ symbol: 'BTC-USDT' })
    const response = await api('/v1/candles/okx/BTC-USDT?interval=1h&limit=1&includeOpen=true')
    const { data } = answer.parse(await response.json())
    expect(data).toHaveLength(1)
    expect(data[0]).toMatchObject({ closed: false, openTime: floorToInterval(data[0]?.openTime ?? 0, '1h') })
  })
})
