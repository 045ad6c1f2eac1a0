import { describe, expect, it } from 'vitest'
import { regionOfContinent, relayIndex } from '../../src/routes/relays.ts'
import { problem, registerExchange } from './api.ts'
import { askWith } from './feed-stub.ts'

const UPGRADE = { Upgrade: 'websocket', 'Sec-WebSocket-Key': 'abc' }
const EVENTS = { Accept: 'text/event-stream' }

/** An object that answers what it is asked, and keeps the requests. */
function objectWith(answer: (request: Request) => Response) {
  const requests: Request[] = []
  const object = {
    fetch: async (request: Request) => {
      requests.push(request)
      return answer(request)
    },
  }
  return { object, requests }
}

/** A socket that says once what it was asked for. */
function accept(request: Request): Response {
  const { 0: client, 1: server } = new WebSocketPair()
  server.accept()
  server.send(request.url)
  return new Response(null, { status: 101, webSocket: client })
}

describe('GET /v1/stream/{exchange}', () => {
  it('passes a socket through', async () => {
    const { object, requests } = objectWith(accept)
    const { response, names } = await askWith('/v1/stream/okx', { feed: object }, { headers: UPGRADE })
    expect(response.status).toBe(101)
    expect(names).toEqual(['feed:okx:apac'])
    const { webSocket } = response
    if (webSocket === null) throw new Error('no socket')
    const said = new Promise((resolve) => webSocket.addEventListener('message', ({ data }) => resolve(data)))
    webSocket.accept()
    expect(await said).toBe('https://api.test/v1/stream/okx')
    expect(requests[0]?.headers.get('Upgrade')).toBe('websocket')
  })

  it('passes events through, with what they are asked for', async () => {
    const { object, requests } = objectWith(
      () => new Response('data: []\n\n', { headers: { 'Content-Type': 'text/event-stream' } }),
    )
    const topics = '?topic=trades:okx:BTC-USDT&topic=status:okx'
    const { response } = await askWith(`/v1/stream/okx${topics}`, { feed: object }, { headers: EVENTS })
    expect(response.headers.get('Content-Type')).toBe('text/event-stream')
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*')
    expect(await response.text()).toBe('data: []\n\n')
    expect(new URL(requests[0]?.url ?? '').search).toBe(topics)
  })

  it('answers a HEAD without a stream that nobody reads', async () => {
    const { object, requests } = objectWith(() => new Response('data: []\n\n'))
    for (const path of ['/v1/stream/okx?topic=status', '/v1/stream?topic=status:okx']) {
      const { response } = await askWith(path, { feed: object, relay: object }, { method: 'HEAD', headers: EVENTS })
      expect(response.status).toBe(200)
      expect(response.headers.get('Content-Type')).toBe('text/event-stream')
    }
    expect(requests).toEqual([])
  })

  it('lets nobody take the role of our own objects', async () => {
    const { object, requests } = objectWith(accept)
    const headers = { ...UPGRADE, 'X-ZVT-Role': 'relay', 'X-Other': 'kept' }
    await askWith('/v1/stream/okx', { feed: object }, { headers })
    await askWith('/v1/stream', { relay: object }, { headers })
    expect(requests.map((request) => request.headers.get('x-zvt-role'))).toEqual([null, null])
    expect(requests.map((request) => request.headers.get('X-Other'))).toEqual(['kept', 'kept'])
  })

  it('points to the relays where the feed has its clients', async () => {
    const refusal = { ok: false, code: 'feed_full', detail: 'this feed has its clients', retryAfterMs: 1_000 }
    const { object } = objectWith(() => Response.json(refusal, { status: 503 }))
    const { response } = await askWith('/v1/stream/okx', { feed: object }, { headers: UPGRADE })
    expect(response.headers.get('Link')).toBe('</v1/stream>; rel="alternate"')
    expect(response.headers.get('Retry-After')).toBe('1')
    expect(await problem(response)).toMatchObject({ status: 503, code: 'feed_full' })
  })

  it('says which topic cannot be had', async () => {
    const refusal = { ok: false, code: 'unknown_channel', detail: 'channel must be one of trades' }
    const { object } = objectWith(() => Response.json(refusal, { status: 400 }))
    const { response } = await askWith('/v1/stream/okx?topic=x', { feed: object }, { headers: EVENTS })
    expect(await problem(response)).toMatchObject({ status: 400, code: 'invalid_request', detail: refusal.detail })
  })

  it('has a broken feed for an unavailable one', async () => {
    const { object } = objectWith(() => new Response('oops', { status: 500 }))
    const { response } = await askWith('/v1/stream/okx', { feed: object }, { headers: UPGRADE })
    expect(await problem(response)).toMatchObject({ status: 503, code: 'feed_unavailable' })
    const silent = await askWith('/v1/stream/okx', { feed: {} }, { headers: UPGRADE })
    expect(await problem(silent.response)).toMatchObject({ status: 503, code: 'feed_unavailable' })
  })

  it.each(['/v1/stream/okx', '/v1/stream'])('asks for an upgrade (%s)', async (path) => {
    const { response, names } = await askWith(path, {})
    expect(response.headers.get('Upgrade')).toBe('websocket')
    expect(await problem(response)).toMatchObject({ status: 426, code: 'upgrade_required' })
    expect(names).toEqual([])
  })

  it('knows its exchanges', async () => {
    const { response } = await askWith('/v1/stream/mtgox', {}, { headers: UPGRADE })
    expect(await problem(response)).toMatchObject({ status: 404, code: 'unknown_exchange' })
  })
})

describe('GET /v1/stream', () => {
  it('says when to come back where the relay has its clients', async () => {
    const refusal = { ok: false, code: 'relay_full', detail: 'this relay has its clients' }
    const { object } = objectWith(() => Response.json(refusal, { status: 503 }))
    const { response } = await askWith('/v1/stream', { relay: object }, { headers: UPGRADE })
    expect(response.headers.get('Retry-After')).toBe('5')
    expect(response.headers.get('Link')).toBeNull()
    expect(await problem(response)).toMatchObject({ status: 503, code: 'relay_full', detail: refusal.detail })
  })

  it('goes to a relay of the region', async () => {
    const { object } = objectWith(accept)
    const cf = { continent: 'AS' }
    const { response, names } = await askWith('/v1/stream', { relay: object }, { headers: UPGRADE, cf })
    expect(response.status).toBe(101)
    expect(names).toEqual(['relay:apac:0'])
    expect((await askWith('/v1/stream', { relay: object }, { headers: UPGRADE })).names).toEqual(['relay:weur:0'])
  })

  it('says of each topic what is wrong with it', async () => {
    const errors = [{ path: 'topic[1]', message: 'threshold must be percent' }]
    const refusal = { ok: false, code: 'invalid_request', detail: 'topic[1]: threshold must be percent', errors }
    const { object } = objectWith(() => Response.json(refusal, { status: 400 }))
    const { response } = await askWith('/v1/stream?topic=a&topic=b', { relay: object }, { headers: EVENTS })
    expect(await problem(response)).toMatchObject({ status: 400, code: 'invalid_request', errors })
  })

  it('has nothing of exchanges that users have registered', async () => {
    await registerExchange('mydesk')
    const path = '/v1/stream?topic=trades:okx:BTC-USDT&topic=trades:mydesk:BTC-USDT'
    const { response, names } = await askWith(path, {}, { headers: EVENTS })
    const errors = [{ path: 'topic[1]', message: expect.stringMatching(/^mydesk has no live data here/) }]
    expect(await problem(response)).toMatchObject({ status: 422, code: 'unprocessable', errors })
    expect(names).toEqual([])
  })

  it('spreads the clients over the relays, each always to the same', async () => {
    const { object } = objectWith(accept)
    const relayOf = async (address: string, key: string) => {
      const headers = { ...UPGRADE, 'CF-Connecting-IP': address, 'Sec-WebSocket-Key': key }
      return (await askWith('/v1/stream', { relay: object }, { headers }, { RELAYS: '4' })).names[0]
    }
    const ofOneAddress = await Promise.all(Array.from({ length: 40 }, (_, key) => relayOf('192.0.2.1', String(key))))
    expect(new Set(ofOneAddress).size).toBe(4)
    expect(await relayOf('192.0.2.1', '7')).toBe(ofOneAddress[7])
  })
})

describe('relayIndex', () => {
  it('is even', () => {
    const counts = [0, 0, 0, 0]
    for (let client = 0; client < 4_000; client++) {
      const index = relayIndex(`198.51.100.${client % 256} ${client}`, counts.length)
      counts[index] = (counts[index] ?? 0) + 1
    }
    for (const count of counts) expect(count).toBeGreaterThan(850)
  })
})

describe('regionOfContinent', () => {
  it('knows all of them, and does without', () => {
    const continents = ['AF', 'AN', 'AS', 'EU', 'NA', 'OC', 'SA', 'XX', undefined]
    expect(continents.map(regionOfContinent)).toEqual([
      ...['afr', 'oc', 'apac', 'weur', 'enam', 'oc', 'sam'],
      ...['weur', 'weur'],
    ])
  })
})
