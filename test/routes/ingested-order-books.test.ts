import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { MINUTE, T0 } from '../store/seed.ts'
import { api, insertInstrument, problem, read, send } from './api.ts'
import { ingest, ndjson, readLines, stream } from './ingest.ts'

let symbol = ''
let number = 0

beforeEach(async () => {
  symbol = `IB${++number}-USDT`
  await insertInstrument({ symbol })
})

const POST = '/v1/ingest/order-books?exchange=okx'

function bookAt(ms: number, changes: object = {}) {
  const bids = [
    ['99.50', '1'],
    ['99', '2'],
  ]
  return { symbol, exchangeTime: T0 + ms, bids, asks: [['100', '0.5']], ...changes }
}

const at = (ms: number, more = '') => `/v1/order-books/okx/${symbol}?at=${T0 + ms}${more}`

describe('POST /v1/ingest/order-books', () => {
  it('stores snapshots, which are read by their time', async () => {
    const sent = [bookAt(0, { sequence: 17, receivedTime: T0 + 30 }), bookAt(90_000, { sequence: '9007199254740993' })]
    expect(await ingest(POST, sent)).toMatchObject({ accepted: 2, rejected: 0 })
    expect(await read(at(5_000))).toEqual({
      exchange: 'okx',
      symbol,
      exchangeSymbol: symbol,
      source: 'ingest',
      exchangeTime: T0,
      receivedTime: T0 + 30,
      ageMs: 5_000,
      depth: 20,
      availableDepth: 1,
      sequence: 17,
      bids: [
        ['99.5', '1'],
        ['99', '2'],
      ],
      asks: [['100', '0.5']],
    })
    expect(await read(at(90_000))).toMatchObject({ ageMs: 0, sequence: '9007199254740993' })
    expect(await read(at(900 * MINUTE, '&depth=1'))).toMatchObject({ depth: 1, bids: [['99.5', '1']] })
  })

  it('changes nothing the second time, and keeps the last of two versions', async () => {
    await ingest(POST, [bookAt(0), bookAt(1_000)])
    expect(await ingest(POST, [bookAt(0), bookAt(1_000)])).toMatchObject({ unchanged: 2, accepted: 0 })
    expect(await ingest(POST, [bookAt(0, { asks: [] })])).toMatchObject({ revised: 1 })
    expect(await read(at(0))).toMatchObject({ asks: [], availableDepth: 0 })
    expect(await read(at(1_000))).toMatchObject({ asks: [['100', '0.5']] })
  })

  it('says where each record is wrong, and takes the others', async () => {
    const records = [
      bookAt(0, {
        bids: [
          ['99', '1'],
          ['99.5', '1'],
        ],
      }),
      bookAt(1, { asks: [['99.5', '1']] }),
      bookAt(2, { bids: [], asks: [] }),
      bookAt(3, {
        asks: [
          ['100', '1'],
          ['101', '0'],
        ],
      }),
      bookAt(4, { asks: [['100']] }),
      bookAt(5),
      bookAt(6, { bids: 5 }),
      bookAt(7, { checksum: 5 }),
    ]
    const { rejections, accepted } = await ingest(POST, records)
    expect(accepted).toBe(1)
    expect(rejections.map(({ index, path, reason }) => [index, path, reason])).toEqual([
      [0, 'bids[1][0]', 'out_of_order'],
      [1, 'bids[0][0]', 'crossed'],
      [2, 'bids', 'empty_book'],
      [3, 'asks[1][1]', 'not_positive'],
      [4, 'asks[0]', 'malformed'],
      [6, 'bids', 'malformed'],
      [7, 'checksum', 'malformed'],
    ])
    expect(await read(at(1_000))).toMatchObject({ exchangeTime: T0 + 5 })
  })

  it('takes lines, and gives deep books to any depth', async () => {
    const asks = Array.from({ length: 3_000 }, (_, level) => [100 + level, '1'])
    const sent = Array.from({ length: 5 }, (_, index) => bookAt(index * 1_000, { asks, bids: [] }))
    const { summary } = await readLines(await stream(POST, ndjson(sent)))
    expect(summary).toMatchObject({ accepted: 5, incomplete: false })
    const { asks: read3000 } = await read(at(3_500, '&depth=5000'))
    expect(read3000).toEqual(asks.map(([price, size]) => [String(price), size]))
  })

  it('writes nothing of a body that is none', async () => {
    const text = JSON.stringify([bookAt(0)])
    expect(await problem(await send('POST', POST, `${text}]`))).toMatchObject({ code: 'invalid_request' })
    expect(await problem(await send('POST', POST, text, {}))).toMatchObject({ code: 'unauthorized' })
    expect(await problem(await api(at(5)))).toMatchObject({ status: 404 })
  })
})

describe('GET /v1/order-books with a time', () => {
  it('says when the first one is where none stands before', async () => {
    expect(await problem(await api(at(0)))).toMatchObject({
      status: 404,
      code: 'not_found',
      detail: `there is no order book of okx ${symbol} from the source ingest`,
    })
    await ingest(POST, [bookAt(5_000)])
    expect(await problem(await api(at(4_999)))).toMatchObject({
      status: 404,
      detail: expect.stringContaining('the first is of 2026-01-01T00:00:05.000Z'),
    })
    expect(await problem(await api(at(5_000, '&source=other')))).toMatchObject({ status: 404 })
  })

  it('reads an exchange of a user’s own, which has no present book', async () => {
    await env.DB.prepare("INSERT INTO exchanges VALUES ('mine', 'Mine', 0) ON CONFLICT DO NOTHING").run()
    await insertInstrument({ symbol, exchange: 'mine' })
    await ingest('/v1/ingest/order-books?source=mine', [bookAt(0, { exchange: 'mine' })])
    expect(await read(`/v1/order-books/mine/${symbol}?at=${T0}&source=mine`)).toMatchObject({ exchange: 'mine' })
    expect(await problem(await api(`/v1/order-books/mine/${symbol}`))).toMatchObject({
      status: 422,
      code: 'unprocessable',
      errors: [{ path: 'exchange', message: expect.stringContaining('has no live data here') }],
    })
    expect(await problem(await api('/v1/order-books/nobody/BTC-USDT'))).toMatchObject({
      status: 404,
      code: 'unknown_exchange',
    })
  })

  it.each([
    ['source=ingest', 'source'],
    ['at=2026-01-01&source=exchange', 'source'],
    ['at=2026-01-01&source=A', 'source'],
    ['at=yesterday', 'at'],
    ['at=1700000000', 'at'],
    ['at=2026-01-01&depth=5001', 'depth'],
    ['at=2026-01-01&depth=0', 'depth'],
    ['depth=21', 'depth'],
    ['time=5', 'time'],
  ])('refuses %s', async (query, path) => {
    const response = await api(`/v1/order-books/okx/${symbol}?${query}`)
    expect(await problem(response)).toMatchObject({ status: 400, code: 'invalid_request', errors: [{ path }] })
  })
})
