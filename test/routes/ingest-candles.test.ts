import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { MINUTE, T0 } from '../store/seed.ts'
import { ADMIN, api, candlesOf, insertInstrument, minutes, problem, read, send } from './api.ts'
import { ingest, ndjson, readLines, sent, sentIn, stream } from './ingest.ts'

let next = 0

/** A fresh instrument of OKX. */
async function instrument(): Promise<string> {
  const symbol = `I${next++}-USDT`
  await insertInstrument({ symbol })
  return symbol
}

const pathOf = (symbol: string, more = '') => `/v1/ingest/candles?exchange=okx&symbol=${symbol}${more}`

async function stored(symbol: string, query = '') {
  return candlesOf(await read(`/v1/candles/okx/${symbol}?interval=1m&source=ingest&limit=5000${query}`))
}

describe('POST /v1/ingest/candles with an array', () => {
  it('stores candles as a series of its own source, which reads as it was sent', async () => {
    const symbol = await instrument()
    const answer = await ingest(pathOf(symbol), sentIn(minutes(0, 5)))
    expect(answer).toEqual({ accepted: 5, unchanged: 0, revised: 0, rejected: 0, incomplete: false, rejections: [] })
    const page = await stored(symbol, `&start=${T0}&end=${T0 + 5 * MINUTE}`)
    expect(page).toMatchObject({ source: 'ingest', derived: false, coverage: { complete: true, missing: [] } })
    expect(page.data.map(({ openTime }) => openTime)).toEqual([0, 1, 2, 3, 4].map((n) => T0 + n * MINUTE))
    expect(page.data[0]).toMatchObject({ open: '1', high: '9', low: '0.5', quoteVolume: '10.5', tradeCount: 3 })
  })

  it('changes nothing the second time, and revises what differs', async () => {
    const symbol = await instrument()
    await ingest(pathOf(symbol), sentIn(minutes(0, 5)))
    const before = await stored(symbol, `&start=${T0}`)
    expect(await ingest(pathOf(symbol), sentIn(minutes(0, 5)))).toMatchObject({ accepted: 0, unchanged: 5, revised: 0 })
    expect((await stored(symbol, `&start=${T0}`)).revision).toBe(before.revision)
    const changed = [sent(T0, { close: '2' }), ...sentIn(minutes(1, 6))]
    expect(await ingest(pathOf(symbol), changed)).toMatchObject({ accepted: 1, unchanged: 4, revised: 1 })
    const after = await stored(symbol, `&start=${T0}`)
    expect(after.revision).toBe((before.revision ?? 0) + 1)
    expect(after.data).toHaveLength(6)
    expect(after.data[0]).toMatchObject({ close: '2' })
  })

  it('says why each record is refused, and takes the others', async () => {
    const symbol = await instrument()
    const records = [
      sent(T0),
      sent(T0 + 1),
      sent(T0 + MINUTE, { high: '0.9' }),
      sent(T0 + MINUTE, { low: '2' }),
      sent(T0 + MINUTE, { volume: '-1' }),
      sent(T0 + MINUTE, { close: 'NaN' }),
      sent(T0 + MINUTE, { amount: '1' }),
      sent(T0 + MINUTE, { interval: '7m' }),
      sent(T0 + MINUTE, { exchange: 'nowhere' }),
      sent(T0 + MINUTE, { symbol: 'NO-SUCH' }),
      sent(T0 + MINUTE, { symbol: 'BTCUSDT' }),
      sent(T0 + MINUTE, { tradeCount: 1.5 }),
      sent(Date.UTC(2090, 0, 1)),
      sent(T0 + MINUTE, { closed: false }),
      sent(T0 / 1_000),
      sent(T0 + 2 * MINUTE, { quoteVolume: null }),
      sent(T0 + 2 * MINUTE, { quoteVolume: '1' }),
      sent(T0 + 2 * MINUTE, { quoteVolume: null }),
      'text',
      null,
      [],
    ]
    const answer = await ingest(pathOf(symbol), records)
    expect(answer.rejections.map(({ index, reason, path }) => [index, reason, path])).toEqual([
      [1, 'misaligned', 'openTime'],
      [2, 'high_below_body', 'high'],
      [3, 'low_above_body', 'low'],
      [4, 'negative_value', ''],
      [5, 'malformed', 'close'],
      [6, 'malformed', 'amount'],
      [7, 'malformed', 'interval'],
      [8, 'unknown_exchange', 'exchange'],
      [9, 'unknown_instrument', 'symbol'],
      [10, 'malformed', 'symbol'],
      [11, 'malformed', 'tradeCount'],
      [12, 'not_closed', 'openTime'],
      [13, 'not_closed', 'openTime'],
      [14, 'malformed', 'openTime'],
      [15, 'conflicting_duplicate', ''],
      [16, 'conflicting_duplicate', ''],
      [17, 'conflicting_duplicate', ''],
      [18, 'malformed', ''],
      [19, 'malformed', ''],
      [20, 'malformed', ''],
    ])
    expect(answer).toMatchObject({ accepted: 1, unchanged: 0, revised: 0, rejected: 20 })
  })

  it('reads numbers exactly, times in both forms, and names in all forms', async () => {
    const symbol = await instrument()
    const [base] = symbol.split('-')
    const time = new Date(T0 + MINUTE).toISOString()
    const body = `[
      {"exchange":"okx","symbol":"${base}/USDT","interval":"1m","openTime":${T0},"open":0.1000000000000000055511151231257827,
       "high":1e2,"low":1E-8,"close":0.30,"volume":12345678901234567890,"tradeCount":7},
      {"exchange":"okx","symbol":"cryptopair_okx_${base?.toLowerCase()}usdt","interval":"1m","openTime":"${time}","open":1,"high":1,"low":1,"close":"1.50e0","volume":0}]`
    const answer = await ingest('/v1/ingest/candles', body)
    expect(answer.rejections).toMatchObject([{ index: 1, reason: 'high_below_body' }])
    const { data } = await stored(symbol, `&start=${T0}`)
    expect(data).toMatchObject([
      {
        open: '0.1000000000000000055511151231257827',
        high: '100',
        low: '0.00000001',
        close: '0.3',
        volume: '12345678901234567890',
        quoteVolume: null,
        tradeCount: 7,
      },
    ])
  })

  it('keeps sources apart', async () => {
    const symbol = await instrument()
    await ingest(pathOf(symbol), sentIn(minutes(0, 2)))
    await ingest(pathOf(symbol, '&source=other'), sentIn(minutes(0, 3), { close: '2' }))
    expect((await stored(symbol, `&start=${T0}`)).data).toHaveLength(2)
    const other = candlesOf(await read(`/v1/candles/okx/${symbol}?interval=1m&source=other&start=${T0}`))
    expect(other.data).toMatchObject([{ close: '2' }, { close: '2' }, { close: '2' }])
    const own = candlesOf(await read(`/v1/candles/okx/${symbol}?interval=1m&start=${T0}&end=${T0 + MINUTE}`))
    expect(own).toMatchObject({ source: 'exchange', data: [], coverage: { complete: false } })
  })

  it('takes what a user brings of an exchange of their own', async () => {
    await env.DB.prepare("INSERT INTO exchanges VALUES ('mine', 'Mine', 0) ON CONFLICT DO NOTHING").run()
    await insertInstrument({ symbol: 'GOLD-EUR', exchange: 'mine' })
    const answer = await ingest('/v1/ingest/candles?exchange=mine', [
      sent(T0, { symbol: 'GOLD-EUR' }),
      sent(T0, { symbol: 'SILVER-EUR' }),
    ])
    expect(answer).toMatchObject({ accepted: 1, rejections: [{ index: 1, reason: 'unknown_instrument' }] })
    const path = `/v1/candles/mine/GOLD-EUR?interval=1m&source=ingest&start=${T0}&end=${T0 + MINUTE}`
    expect(await read(path)).toMatchObject({ exchange: 'mine', coverage: { complete: true } })
  })

  it.each([
    ['exchange=Nope!', 404, 'unknown_exchange', 'exchange'],
    ['exchange=nope', 404, 'unknown_exchange', 'exchange'],
    ['exchange=okx&symbol=NOT-THERE', 404, 'unknown_instrument', 'symbol'],
    ['symbol=%20', 400, 'invalid_request', 'symbol'],
    ['interval=2m', 400, 'unknown_interval', 'interval'],
    ['source=exchange', 400, 'invalid_request', 'source'],
    ['source=trades', 400, 'invalid_request', 'source'],
    ['source=A%20b', 400, 'invalid_request', 'source'],
    ['dryRun=true', 400, 'invalid_request', 'dryRun'],
  ])('refuses the query %s', async (query, status, code, path) => {
    const response = await send('POST', `/v1/ingest/candles?${query}`, [])
    expect(response.status).toBe(status)
    expect(await problem(response)).toMatchObject({ code, errors: [{ path }] })
  })

  it.each([
    ['{"a":1', 'ends too early, at line 1, column 7'],
    ['[\n{"a":1,}\n]', 'line 2, column 8'],
    ['{}', 'must be an array'],
    ['', 'ends too early'],
  ])('refuses the body %j', async (body, detail) => {
    const response = await send('POST', '/v1/ingest/candles', body)
    expect(response.status).toBe(400)
    expect(await problem(response)).toMatchObject({
      code: 'invalid_request',
      detail: expect.stringContaining(detail),
      errors: [{ path: 'body' }],
    })
  })

  it('refuses callers without the token, other media types and encodings, and what is too large', async () => {
    const refused = async (init: RequestInit) => problem(await api('/v1/ingest/candles', { method: 'POST', ...init }))
    const json = { ...ADMIN, 'Content-Type': 'application/json' }
    expect(await refused({ body: '[]', headers: { 'Content-Type': 'application/json' } })).toMatchObject({
      status: 401,
    })
    expect(await refused({ body: '[]', headers: { ...ADMIN, 'Content-Type': 'text/csv' } })).toMatchObject({
      status: 415,
    })
    expect(await refused({ body: '[]', headers: { ...json, 'Content-Encoding': 'br' } })).toMatchObject({ status: 415 })
    const large = `[${' '.repeat(10_000_000)}]`
    expect(await refused({ body: large, headers: json })).toMatchObject({ status: 413, code: 'payload_too_large' })
    const latin = new Uint8Array([0x5b, 0x22, 0xe9, 0x22, 0x5d])
    expect(await refused({ body: latin, headers: json })).toMatchObject({ status: 400, errors: [{ path: 'body' }] })
  })
})

describe('POST /v1/ingest/candles with lines', () => {
  it('answers a line a batch of 1,000 and a summary', async () => {
    const symbol = await instrument()
    const { batches, summary } = await readLines(await stream(pathOf(symbol), ndjson(sentIn(minutes(0, 2_500)))))
    expect(batches.map(({ batch, from, to, lastLine, accepted }) => [batch, from, to, lastLine, accepted])).toEqual([
      [0, 0, 1_000, 1_000, 1_000],
      [1, 1_000, 2_000, 2_000, 1_000],
      [2, 2_000, 2_500, 2_500, 500],
    ])
    expect(summary).toMatchObject({
      batches: 3,
      accepted: 2_500,
      rejected: 0,
      incomplete: false,
      lastLine: 2_500,
      error: null,
    })
    const response = await api(`/v1/candles/okx/${symbol}?interval=1m&source=ingest&start=${T0}&limit=5000`, {
      headers: { 'X-Bookmark': summary.bookmark },
    })
    expect(candlesOf(await response.json()).data).toHaveLength(2_500)
  })

  it('refuses single lines and reads on', async () => {
    const symbol = await instrument()
    const encoder = new TextEncoder()
    const line = (minute: number) => JSON.stringify(sent(T0 + minute * MINUTE))
    const body = new Uint8Array([
      ...encoder.encode(`\ufeff${line(0)}\r\n\r\n  \n${line(1).slice(0, -1)}\n`),
      ...[0x22, 0xff, 0x22, 0x0a],
      ...encoder.encode(`"${'x'.repeat(1_000_000)}"\n${line(2)}`),
    ])
    const { batches, summary } = await readLines(await stream(pathOf(symbol), body))
    expect(batches[0]?.rejections.map(({ index, line: number, reason }) => [index, number, reason])).toEqual([
      [1, 4, 'malformed'],
      [2, 5, 'malformed'],
      [3, 6, 'line_too_long'],
    ])
    expect(summary).toMatchObject({ accepted: 2, rejected: 3, incomplete: false, lastLine: 7 })
  })

  it('shows the first 1,000 rejections and counts the rest', async () => {
    const symbol = await instrument()
    const bad = sentIn(minutes(0, 2_300), { close: 'x' })
    const { batches, summary } = await readLines(await stream(pathOf(symbol), ndjson(bad)))
    expect(batches.map(({ rejections, rejected }) => [rejections.length, rejected])).toEqual([
      [1_000, 1_000],
      [0, 1_000],
      [0, 300],
    ])
    expect(summary).toMatchObject({ accepted: 0, rejected: 2_300, incomplete: false })
  })

  it('takes whole lines of a body that breaks off, and says so', async () => {
    const symbol = await instrument()
    const text = ndjson(sentIn(minutes(0, 1_200)))
    const cut = text.slice(0, text.length - 40)
    const first = await readLines(await stream(pathOf(symbol), cut))
    expect(first.batches.map(({ accepted }) => accepted)).toEqual([1_000, 199])
    expect(first.summary).toMatchObject({
      accepted: 1_199,
      incomplete: true,
      lastLine: 1_199,
      error: { code: 'invalid_request' },
    })
    let at = 0
    const broken = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        if (at >= cut.length) return controller.error(new Error('cut'))
        controller.enqueue(new TextEncoder().encode(cut.slice(at, at + 10_000)))
        at += 10_000
      },
    })
    const second = await readLines(await stream(pathOf(symbol), broken))
    expect(second.summary).toMatchObject({ unchanged: 1_199, incomplete: true, lastLine: 1_199 })
    const rest = text.split('\n').slice(second.summary.lastLine).join('\n')
    expect((await readLines(await stream(pathOf(symbol), rest))).summary).toMatchObject({
      accepted: 1,
      incomplete: false,
    })
  })

  it('takes compressed bodies', async () => {
    const symbol = await instrument()
    const plain = new Blob([ndjson(sentIn(minutes(0, 100)))]).stream()
    const compressed = new Uint8Array(
      await new Response(plain.pipeThrough(new CompressionStream('gzip'))).arrayBuffer(),
    )
    const gzip = { 'Content-Encoding': 'gzip' }
    const { summary } = await readLines(await stream(pathOf(symbol), compressed, gzip))
    expect(summary).toMatchObject({ accepted: 100, incomplete: false })
    const cut = await readLines(await stream(pathOf(symbol), compressed.slice(0, -20), gzip))
    expect(cut.summary).toMatchObject({ incomplete: true })
  })

  it('answers an empty body with nothing', async () => {
    const { batches, summary } = await readLines(await stream('/v1/ingest/candles', ''))
    expect(batches).toEqual([])
    expect(summary).toMatchObject({ batches: 0, accepted: 0, incomplete: false, lastLine: 0 })
  })
})
