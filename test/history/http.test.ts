import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { scaledClock } from '../../src/domain/clock.ts'
import { AppError } from '../../src/domain/errors.ts'
import type { ExchangeConnector, RestCall } from '../../src/exchanges/connector.ts'
import { connectorFor } from '../../src/exchanges/registry.ts'
import type { HostHealth } from '../../src/history/host.ts'
import { ExchangeHttp } from '../../src/history/http.ts'

let server: Server | undefined

afterEach(async () => {
  server?.closeAllConnections()
  await new Promise((resolve) => (server === undefined ? resolve(null) : server.close(resolve)))
})

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener)
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function coinbase(): ExchangeConnector {
  const connector = connectorFor('coinbase')
  if (connector === undefined) throw new Error('no connector')
  return connector
}

function httpTo(
  url: string,
  budgetShare = 1,
  seen: HostHealth[] = [],
  scale = 100,
  known: ReadonlyMap<string, HostHealth> = new Map(),
): ExchangeHttp {
  return new ExchangeHttp({
    connector: coinbase(),
    baseUrl: { spot: url },
    budgetShare,
    // A hundred times as fast, so that waiting takes no time.
    clock: scaledClock(Date.now, scale, Date.now()),
    random: () => 0,
    known,
    spent: {},
    onHostHealth: (_host, health) => seen.push(health),
  })
}

const [LIMIT] = coinbase().rest.rateLimits
const call = (decode: (body: string) => unknown = (body) => body): RestCall<unknown> => ({
  kind: 'spot',
  path: '/time?x=1',
  limit: LIMIT?.name ?? '',
  weight: 1,
  decode,
})

describe('ExchangeHttp', () => {
  it('sends path, query and the headers that the exchange insists on', async () => {
    let seen: IncomingMessage | undefined
    const http = httpTo(
      await serve((request, response) => {
        seen = request
        response.end('{}')
      }),
    )
    expect(await http.send(call(), 'tail', Number.POSITIVE_INFINITY)).toMatchObject({ kind: 'answer', value: '{}' })
    expect(seen?.url).toBe('/time?x=1')
    expect(seen?.headers['user-agent']).toBe(coinbase().rest.headers['User-Agent'])
  })

  it('reads the time of an answer off the clock of the exchange', async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString()
    const http = httpTo(await serve((_request, response) => response.setHeader('date', date).end('{}')))
    await http.send(call(), 'tail', Number.POSITIVE_INFINITY)
    expect(http.exchangeTime('spot')).toBeGreaterThanOrEqual(Date.parse(date))
    expect(http.exchangeTime('spot')).toBeLessThan(Date.parse(date) + 60_000)
  })

  it('waits for its turn within the deadline, and is put off beyond it', async () => {
    let requests = 0
    const http = httpTo(
      await serve((_request, response) => {
        requests += 1
        response.end('{}')
      }),
      0.1,
      [],
      // Slow enough that the second request comes within the first one's window on any machine.
      1,
    )
    expect(await http.send(call(), 'backfill', Number.POSITIVE_INFINITY)).toMatchObject({ kind: 'answer' })
    const put = await http.send(call(), 'backfill', 0)
    expect(put.kind).toBe('deferred')
    expect(requests).toBe(1)
    expect(await http.send(call(), 'backfill', Number.POSITIVE_INFINITY)).toMatchObject({ kind: 'answer' })
    expect(http.status()[0]?.budget[0]).toMatchObject({ limit: 1, windowMs: 1_000 })
  })

  it('keeps away from a host that blocks it, and remembers that over a restart', async () => {
    const seen: HostHealth[] = []
    const url = await serve((_request, response) =>
      response.writeHead(429, { 'retry-after': '3600' }).end('{"message":"Public rate limit exceeded"}'),
    )
    const http = httpTo(url, 1, seen)
    expect(await http.send(call(), 'tail', Number.POSITIVE_INFINITY)).toMatchObject({ kind: 'failed' })
    expect(await http.send(call(), 'tail', Number.POSITIVE_INFINITY)).toMatchObject({ kind: 'deferred' })
    expect(http.status()[0]).toMatchObject({ state: 'retry-after', requests: 1, failures: 1 })
    const [health] = seen
    if (health === undefined) throw new Error('the host was not reported')
    const restarted = httpTo(url, 1, [], 100, new Map([[new URL(url).host, health]]))
    expect(await restarted.send(call(), 'tail', Number.POSITIVE_INFINITY)).toEqual({
      kind: 'deferred',
      until: health.until,
    })
    expect(restarted.availableAt('spot')).toBe(health.until)
  })

  it('gives up on an answer that does not come', async () => {
    const http = httpTo(await serve(() => {}))
    expect(await http.send(call(), 'tail', Number.POSITIVE_INFINITY)).toEqual({
      kind: 'failed',
      reason: 'no answer in time',
    })
    expect(http.status()[0]?.state).toBe('unavailable')
  })

  it('tells a malformed answer from a fault of our own', async () => {
    const http = httpTo(await serve((_request, response) => response.end('{}')))
    const malformed = call(() => {
      throw new AppError('malformed_response', 'candles: no rows')
    })
    expect(await http.send(malformed, 'tail', Number.POSITIVE_INFINITY)).toEqual({
      kind: 'failed',
      reason: 'candles: no rows',
    })
    const broken = call(() => {
      throw new TypeError('ours')
    })
    await expect(http.send(broken, 'tail', Number.POSITIVE_INFINITY)).rejects.toThrow('ours')
  })

  it('holds no more than five connections at once', async () => {
    let open = 0
    let most = 0
    const http = httpTo(
      await serve((_request, response) => {
        open += 1
        most = Math.max(most, open)
        setTimeout(() => {
          open -= 1
          response.end('{}')
        }, 5)
      }),
    )
    const sent = await Promise.all(
      Array.from({ length: 30 }, () => http.send(call(), 'tail', Number.POSITIVE_INFINITY)),
    )
    expect(sent.every(({ kind }) => kind === 'answer')).toBe(true)
    expect(most).toBe(5)
  })

  it('hands on a rejection', async () => {
    const http = httpTo(await serve((_request, response) => response.writeHead(404).end('{"message":"NotFound"}')))
    expect(await http.send(call(), 'tail', Number.POSITIVE_INFINITY)).toMatchObject({
      kind: 'rejected',
      unknownInstrument: true,
    })
  })

  it('names what is not configured', async () => {
    const http = httpTo(await serve((_request, response) => response.end('{}')))
    await expect(http.send({ ...call(), kind: 'perpetual' }, 'tail', 0)).rejects.toThrow('no host for perpetual')
    await expect(http.send({ ...call(), limit: 'none' }, 'tail', 0)).rejects.toThrow('no rate limit none')
  })
})
