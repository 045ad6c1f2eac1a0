import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { MINUTE, T0 } from '../store/seed.ts'
import { api, insertInstrument, problem, read, send } from './api.ts'
import { ingest, ndjson, readLines, stream } from './ingest.ts'

const page = z.looseObject({
  gaps: z.array(z.tuple([z.int(), z.int(), z.string()])),
  nextUrl: z.string().nullable(),
  data: z.array(z.looseObject({ id: z.string(), exchangeTime: z.int(), price: z.string() })),
})

let symbol = ''
let number = 0

beforeEach(async () => {
  symbol = `IT${++number}-USDT`
  await insertInstrument({ symbol })
})

const POST = '/v1/ingest/trades?exchange=okx'

function tradeAt(ms: number, id: string | number | undefined, changes: object = {}) {
  return { symbol, id, price: '100.50', size: '0.25', side: 'buy', exchangeTime: T0 + ms, ...changes }
}

async function readPage(query = '', name = symbol): Promise<z.infer<typeof page>> {
  return page.parse(await read(`/v1/trades/okx/${name}?source=ingest${query}`))
}

const ids = ({ data }: z.infer<typeof page>) => data.map(({ id }) => id)

describe('POST /v1/ingest/trades', () => {
  it('stores trades, which read as those of the exchange do', async () => {
    const sent = [tradeAt(0, 1, { receivedTime: T0 + 40 }), tradeAt(90_000, 'x-2', { side: null, price: 7 })]
    expect(await ingest(POST, sent)).toMatchObject({ accepted: 2, unchanged: 0, revised: 0, rejected: 0 })
    const answer = await read(`/v1/trades/okx/${symbol}?source=ingest&start=${T0}&end=${T0 + 5 * MINUTE}`)
    expect(answer).toEqual({
      exchange: 'okx',
      symbol,
      exchangeSymbol: symbol,
      kind: 'spot',
      source: 'ingest',
      start: T0,
      end: T0 + 5 * MINUTE,
      availableFrom: T0,
      gaps: [[T0, T0 + 5 * MINUTE, 'unproven']],
      nextCursor: null,
      nextUrl: null,
      data: [
        { id: '1', price: '100.5', size: '0.25', side: 'buy', exchangeTime: T0, receivedTime: T0 + 40, seq: 0 },
        {
          ...{ id: 'x-2', price: '7', size: '0.25', side: null, exchangeTime: T0 + 90_000 },
          receivedTime: expect.any(Number),
          seq: 0,
        },
      ],
    })
    // Without a window: all that there is, and nothing from before the first.
    expect((await readPage()).gaps).toEqual([[T0, expect.any(Number), 'unproven']])
  })

  it('changes nothing the second time, and revises what differs', async () => {
    const sent = [tradeAt(0, 1), tradeAt(1, 2)]
    await ingest(POST, sent)
    expect(await ingest(POST, sent)).toMatchObject({ accepted: 0, unchanged: 2, revised: 0 })
    const changed = [tradeAt(0, 1, { price: '8' }), tradeAt(1, 2), tradeAt(2, 3)]
    expect(await ingest(POST, changed)).toMatchObject({ accepted: 1, unchanged: 1, revised: 1 })
    expect((await readPage()).data.map(({ id, price }) => [id, price])).toEqual([
      ['1', '8'],
      ['2', '100.5'],
      ['3', '100.5'],
    ])
  })

  it('says why each record is refused, and takes the others', async () => {
    const records = [
      tradeAt(0, 1),
      tradeAt(1, undefined),
      tradeAt(2, 2, { price: '0' }),
      tradeAt(3, 3, { size: 'much' }),
      tradeAt(4, 4, { side: 'bought' }),
      tradeAt(5, 5, { exchangeTime: Date.UTC(2099, 0) }),
      tradeAt(6, 6, { amount: 5 }),
      tradeAt(7, 7, { symbol: 'NO-SUCH' }),
      tradeAt(8, 8),
      tradeAt(8, 8, { price: '9' }),
      tradeAt(0, 1, { receivedTime: T0 + 9 }),
      5,
    ]
    const { rejections, ...counts } = await ingest(POST, records)
    expect(counts).toEqual({ accepted: 1, unchanged: 1, revised: 0, rejected: 10, incomplete: false })
    expect(rejections.map(({ index, path, reason }) => [index, path, reason])).toEqual([
      [1, 'id', 'missing_id'],
      [2, 'price', 'not_positive'],
      [3, 'size', 'malformed'],
      [4, 'side', 'malformed'],
      [5, 'exchangeTime', 'in_future'],
      [6, 'amount', 'malformed'],
      [7, 'symbol', 'unknown_instrument'],
      [8, '', 'conflicting_duplicate'],
      [9, '', 'conflicting_duplicate'],
      [11, '', 'malformed'],
    ])
    expect(ids(await readPage())).toEqual(['1'])
  })

  it('takes lines batch by batch', async () => {
    const sent = Array.from({ length: 2_300 }, (_, id) => tradeAt(id * 100, id))
    const { batches, summary } = await readLines(await stream(POST, ndjson(sent)))
    expect(batches.map(({ accepted }) => accepted)).toEqual([1_000, 1_000, 300])
    expect(summary).toMatchObject({ accepted: 2_300, incomplete: false, lastLine: 2_300 })
    expect(ids(await readPage('&limit=5000'))).toEqual(sent.map(({ id }) => String(id)))
    const again = await readLines(await stream(POST, ndjson(sent)))
    expect(again.summary).toMatchObject({ accepted: 0, unchanged: 2_300, revised: 0 })
  })

  it('keeps what was exact', async () => {
    const text = `[{"symbol":"${symbol}","id":9007199254740993,"price":0.1234567890123456789,"size":1e-8,"exchangeTime":${T0}}]`
    const response = await send('POST', POST, text)
    expect(await response.json()).toMatchObject({ accepted: 1 })
    const [trade] = (await readPage()).data
    expect(trade).toMatchObject({ id: '9007199254740993', price: '0.1234567890123456789', size: '0.00000001' })
  })

  it('writes nothing of a body that is none', async () => {
    const text = JSON.stringify([tradeAt(0, 1)])
    expect(await problem(await send('POST', POST, text.slice(0, -2)))).toMatchObject({ code: 'invalid_request' })
    expect(await problem(await send('POST', POST, text, {}))).toMatchObject({ code: 'unauthorized' })
    expect(await problem(await send('POST', `${POST}&source=exchange`, text))).toMatchObject({
      status: 400,
      errors: [{ path: 'source' }],
    })
    expect(await problem(await send('POST', `${POST}&interval=1m`, text))).toMatchObject({
      status: 400,
      errors: [{ path: 'interval' }],
    })
    expect(await readPage()).toMatchObject({ data: [], availableFrom: null })
  })
})

describe('GET /v1/trades of a source of users', () => {
  it.each(['asc', 'desc'])('goes through all of a window page by page (%s)', async (order) => {
    const sent = Array.from({ length: 25 }, (_, id) => tradeAt(Math.floor(id / 3) * 20_000, id))
    await ingest(POST, sent)
    const found: string[] = []
    let url: string | null = `/v1/trades/okx/${symbol}?source=ingest&start=${T0}&limit=4&order=${order}`
    for (let pages = 0; url !== null; pages++) {
      const answer: z.infer<typeof page> = page.parse(await read(url))
      found.push(...ids(answer))
      expect(answer.gaps).toEqual([[expect.any(Number), expect.any(Number), 'unproven']])
      url = answer.nextUrl?.replace('https://api.test', '') ?? null
      expect(pages).toBeLessThan(8)
    }
    const expected = sent.map(({ id }) => String(id))
    expect(found).toEqual(order === 'asc' ? expected : expected.toReversed())
  })

  it('gives the newest ones without a start, as lines and tables too', async () => {
    await ingest(
      POST,
      [1, 2, 3].map((id) => tradeAt(id * MINUTE, id)),
    )
    expect(ids(await readPage('&limit=2'))).toEqual(['2', '3'])
    const csv = await api(`/v1/trades/okx/${symbol}?source=ingest&limit=1&format=csv`)
    expect(csv.headers.get('X-Coverage-Complete')).toBe('false')
    expect((await csv.text()).split('\n')[1]).toMatch(/^3,100\.5,0\.25,buy,/)
  })

  it('keeps each source by itself, and apart from what the feed heard', async () => {
    await ingest(POST, [tradeAt(0, 1)])
    await ingest(`${POST}&source=archive`, [tradeAt(0, 2)])
    expect(ids(await readPage())).toEqual(['1'])
    expect(ids(page.parse(await read(`/v1/trades/okx/${symbol}?source=archive`)))).toEqual(['2'])
    expect(await problem(await api(`/v1/trades/okx/${symbol}?source=A!`))).toMatchObject({
      status: 400,
      errors: [{ path: 'source' }],
    })
  })

  it('proves nothing where nothing was sent', async () => {
    expect(await readPage()).toMatchObject({ data: [], gaps: [[0, expect.any(Number), 'unproven']] })
    await ingest(POST, [tradeAt(0, 1)])
    expect(await readPage(`&end=${T0}`)).toMatchObject({ data: [], gaps: [[0, T0, 'unproven']] })
    const csv = await api(`/v1/trades/okx/${symbol}?source=misspelt&format=csv`)
    expect(csv.headers.get('X-Coverage-Complete')).toBe('false')
  })

  it('reads an exchange of a user’s own, which no feed listens to', async () => {
    await env.DB.prepare("INSERT INTO exchanges VALUES ('mine', 'Mine', 0) ON CONFLICT DO NOTHING").run()
    await insertInstrument({ symbol, exchange: 'mine' })
    await ingest('/v1/ingest/trades', [tradeAt(0, 1, { exchange: 'mine' })])
    expect(ids(page.parse(await read(`/v1/trades/mine/${symbol}?source=ingest`)))).toEqual(['1'])
    const heard = page.parse(await read(`/v1/trades/mine/${symbol}`))
    expect(heard.data).toEqual([])
    expect(heard.gaps).toEqual([[expect.any(Number), expect.any(Number), 'not_recorded']])
  })
})
