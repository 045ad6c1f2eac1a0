import { exports } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { floorToInterval } from '../../src/domain/interval.ts'
import { deps, HOUR, MINUTE, prepare, truth, until } from './scenario.ts'

/** The whole way of a user: ask for history over HTTP, watch it come, read it. */

const EXCHANGES = ['binance', 'okx', 'bybit', 'coinbase'] as const

beforeAll(async () => {
  await Promise.all(EXCHANGES.map(prepare))
})

async function api<T>(path: string, init?: RequestInit): Promise<T> {
  const headers = { authorization: 'Bearer test-token', 'content-type': 'application/json' }
  const response = await exports.default.fetch(`http://worker${path}`, { headers, ...init })
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
  return response.json<T>()
}

interface Candles {
  readonly data: readonly Record<string, string | number | boolean | null>[]
  readonly derived: boolean
  readonly coverage: { readonly complete: boolean; readonly missing: unknown[]; readonly empty: [number, number][] }
  readonly nextUrl: string | null
}

/** Reads a whole window, page after page. */
async function readAll(path: string): Promise<Candles[]> {
  const pages: Candles[] = []
  for (let next: string | null = path; next !== null; next = pages.at(-1)?.nextUrl ?? null) {
    const { pathname, search } = new URL(next, 'http://worker')
    pages.push(await api<Candles>(pathname + search))
  }
  return pages
}

const columns = ['openTime', 'open', 'high', 'low', 'close', 'volume', 'quoteVolume', 'tradeCount'] as const

describe('history over HTTP', () => {
  const end = floorToInterval(deps.clock.now(), '1d') - 24 * HOUR
  const window = { start: end - 36 * HOUR, end }

  it('is loaded from all four exchanges by one backfill, which tells how far it is', async () => {
    const created = await api<{ id: string }>('/v1/backfills', {
      method: 'POST',
      body: JSON.stringify({
        exchanges: EXCHANGES,
        symbols: ['BTC-USDT', 'ETH-USDT'],
        intervals: ['1m'],
        start: window.start,
        end: window.end,
      }),
    })
    interface Progress {
      state: string
      expected: number
      covered: number
    }
    let seen: Progress | undefined
    await until('the backfill', async () => {
      seen = await api<Progress>(`/v1/backfills/${created.id}`)
      return seen.state === 'done'
    })
    const slots = (8 * (window.end - window.start)) / MINUTE
    expect(seen).toMatchObject({ expected: slots, covered: slots, missing: 0, percent: 100 })
  })

  it.each([
    ['binance', 'BTCUSDT'],
    ['okx', 'BTC-USDT'],
    ['bybit', 'BTCUSDT'],
    ['coinbase', 'BTC-USDT'],
  ])('of %s equals the truth, and so does what is derived from it', async (exchange, exchangeSymbol) => {
    const target = { exchange, exchangeSymbol, kind: 'spot', seriesId: 0, window, finish: async () => {} } as const
    for (const interval of ['1m', '5m', '1h', '4h'] as const) {
      const query = `interval=${interval}&start=${window.start}&end=${window.end}`
      const pages = await readAll(`/v1/candles/${exchange}/BTC-USDT?${query}`)
      const rows = pages.flatMap((page) => page.data.map((candle) => columns.map((column) => candle[column])))
      const expected = await truth({ ...target, interval })
      expect(rows).toEqual(expected.candles)
      expect(pages.every((page) => page.coverage.complete && page.derived === (interval !== '1m'))).toBe(true)
      const empty = pages.flatMap((page) => page.coverage.empty).reduce((sum, [from, to]) => sum + to - from, 0)
      if (interval === '1m') expect(empty / MINUTE).toBe(expected.empty.length)
    }
  })

  it('covers what its coverage says, by a recount', async () => {
    const report = await api<Record<string, unknown>>(
      '/v1/coverage?exchange=coinbase&symbol=BTC-USDT&interval=1m&recount=true',
    )
    expect(JSON.stringify(report)).toContain('"equal":true')
  })

  it('loads instruments with names of any script', async () => {
    const { id } = await api<{ id: string }>('/v1/backfills', {
      method: 'POST',
      body: JSON.stringify({
        exchanges: ['binance'],
        symbols: ['币安人生-USDT'],
        intervals: ['1h'],
        start: window.start,
        end: window.start + 10 * HOUR,
      }),
    })
    await until('the backfill', async () => (await api<{ state: string }>(`/v1/backfills/${id}`)).state === 'done')
    const path = `/v1/candles/binance/${encodeURIComponent('币安人生/USDT')}?interval=1h&start=${window.start}&limit=3`
    const page = await api<Candles & { symbol: string; exchangeSymbol: string }>(path)
    expect(page).toMatchObject({ symbol: '币安人生-USDT', exchangeSymbol: '币安人生USDT' })
    expect(page.data).toHaveLength(3)
  })

  it('has the open candle on request only, marked as such', async () => {
    const closed = await api<Candles>('/v1/candles/okx/BTC-USDT?interval=1m&limit=5')
    expect(closed.data.every((candle) => candle['closed'] !== false)).toBe(true)
    const now = deps.clock.now()
    const page = await api<Candles>(`/v1/candles/okx/BTC-USDT?interval=1m&limit=5&includeOpen=true`)
    const last = page.data.at(-1)
    expect(last?.['closed']).toBe(false)
    expect(Number(last?.['openTime'])).toBeGreaterThan(now - 2 * MINUTE)
  })
})
