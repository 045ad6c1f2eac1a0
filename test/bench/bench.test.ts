import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { connectors } from '../../src/exchanges/registry.ts'
import { benchNames, parseBenchArguments, USAGE } from './arguments.ts'
import { Connection, isWhole } from './http-client.ts'
import { formatJson, formatRow } from './report.ts'
import { median, percentile, randomOf } from './statistics.ts'
import { FULL_MIX, StreamMarket } from './stream-market.ts'

describe('the arguments', () => {
  it('run everything as a table, unless they say otherwise', () => {
    expect(parseBenchArguments([])).toEqual({ names: [...benchNames], json: false, help: false })
    expect(parseBenchArguments(['query', '--json'])).toEqual({ names: ['query'], json: true, help: false })
    expect(parseBenchArguments(['--json', 'query', 'load', 'query'])).toEqual({
      names: ['query', 'load'],
      json: true,
      help: false,
    })
  })

  it('are refused with the usage where one is unknown', async () => {
    expect(() => parseBenchArguments(['loads'])).toThrow('"loads"')
    const main = fileURLToPath(new URL('./main.ts', import.meta.url).href)
    const [status, complaint] = await new Promise<[unknown, string]>((resolve) => {
      execFile(process.execPath, [main, 'loads'], (error, _, stderr) => resolve([error?.code, stderr]))
    })
    expect(status).toBe(2)
    expect(complaint).toContain(USAGE)
  })
})

describe('the report', () => {
  const measurement = { bench: 'load', case: 'unlimited binance', value: 54_321.987, unit: 'candles/s' } as const

  it('is one JSON object with the ratio of ours by theirs', () => {
    expect(JSON.parse(formatJson({ ...measurement, against: { name: 'raw insert', value: 100_000 } }))).toEqual({
      bench: 'load',
      case: 'unlimited binance',
      value: 54_320,
      unit: 'candles/s',
      against: '100000 candles/s, raw insert',
      ratio: 0.5432,
    })
    expect(JSON.parse(formatJson({ ...measurement, against: null }))).toMatchObject({ against: null, ratio: null })
  })

  it('is a line of a table', () => {
    const row = formatRow({ ...measurement, against: { name: 'raw insert', value: 100_000 } })
    expect(row.split(/ {2,}/)).toEqual([
      'load',
      'unlimited binance',
      '54,320 candles/s',
      '0.5432 x',
      '100,000 (raw insert)',
    ])
    expect(formatRow({ ...measurement, against: null })).not.toContain('x')
  })
})

describe('the statistics', () => {
  it('take the nearest rank, whatever the order', () => {
    const values = Array.from({ length: 200 }, (_, index) => 200 - index)
    expect(percentile(values, 0.5)).toBe(100)
    expect(percentile(values, 0.99)).toBe(198)
    expect(percentile([7], 0.01)).toBe(7)
    expect(median([10, 9, 100])).toBe(10)
    expect(() => median([])).toThrow(RangeError)
  })

  it('draw the same numbers for the same seed, evenly', () => {
    const [one, same, other] = [randomOf(1), randomOf(1), randomOf(2)]
    const drawn = Array.from({ length: 1_000 }, one)
    expect(Array.from({ length: 1_000 }, same)).toEqual(drawn)
    expect(other()).not.toBe(drawn[0])
    for (let tenth = 0; tenth < 10; tenth++) {
      expect(drawn.filter((value) => Math.floor(value * 10) === tenth).length).toBeGreaterThan(60)
    }
  })
})

describe('the client', () => {
  it('knows a whole answer by its length or its last chunk', () => {
    const sized = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
    expect(isWhole(Buffer.from(sized))).toBe(true)
    expect(isWhole(Buffer.from(sized.slice(0, -1)))).toBe(false)
    const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'
    expect(isWhole(Buffer.from(chunked))).toBe(true)
    expect(isWhole(Buffer.from(chunked.slice(0, -5)))).toBe(false)
    expect(isWhole(Buffer.from('HTTP/1.1 200 OK\r\nContent-Le'))).toBe(false)
  })

  it('asks again and again over one connection', async () => {
    const ports = new Set<number | undefined>()
    const server = createServer((request, response) => {
      ports.add(request.socket.remotePort)
      response.statusCode = request.url === '/missing' ? 404 : 200
      response.write('a'.repeat(200_000))
      response.end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const connection = await Connection.open(new URL(`http://127.0.0.1:${port}`))
    expect([await connection.get('/a'), await connection.get('/missing'), await connection.get('/b')]).toEqual([
      200, 404, 200,
    ])
    expect(ports.size).toBe(1)
    connection.close()
    server.close()
  })
})

describe('the streamed market', () => {
  const market = new StreamMarket(FULL_MIX)
  const time = 1_780_000_000_000

  /** What the connector reads of frames, of one instrument. */
  const events = (from: number, to: number) =>
    textsOf(market.frames(from, to, time))
      .flatMap((text) => {
        const frame = connectors.binance.stream.decode(text)
        return frame.kind === 'data' ? frame.events : [expect.unreachable(JSON.stringify(frame))]
      })
      .filter(({ exchangeSymbol }) => exchangeSymbol === 'S07USDT')

  it('numbers everything on from cycle to cycle', () => {
    const seen = events(0, 2 * market.length + 5_000)
    const books = seen.filter((event) => event.channel === 'book')
    const trades = seen.filter((event) => event.channel === 'trades')
    expect(books.length).toBeGreaterThan(2 * FULL_MIX.depth)
    expect(books.every(({ exchangeTime }) => exchangeTime === time)).toBe(true)
    for (const [index, { firstSequence }] of books.entries()) {
      if (index > 0) expect(firstSequence).toBe((books[index - 1]?.sequence ?? 0) + 1)
    }
    const first = Number(trades[0]?.id)
    expect(trades.map(({ id }) => Number(id) - first)).toEqual(trades.map((_, index) => index))
  })

  it('ends each cycle with a trade, by which the benchmark knows when all of it was taken in', () => {
    const [last] = textsOf(market.frames(market.length - 1, market.length, time))
    expect(last).toContain('"e":"aggTrade"')
  })

  it('knows the book that its frames amount to, wherever they begin', () => {
    const [from, to] = [market.length - 3_000, 2 * market.length + 1_234]
    const before = market.book('S07USDT', from, Number.POSITIVE_INFINITY)
    const sides = { bids: new Map<string, string>(), asks: new Map<string, string>() }
    const put = (side: Map<string, string>, price: string, size: string) => {
      if (Number(size) === 0) side.delete(String(Number(price)))
      else side.set(String(Number(price)), String(Number(size)))
    }
    for (const side of ['bids', 'asks'] as const) {
      for (const [price, size] of before?.[side] ?? []) put(sides[side], price, size)
    }
    let sequence = before?.sequence
    for (const event of events(from, to)) {
      if (event.channel !== 'book') continue
      for (const side of ['bids', 'asks'] as const) {
        for (const { price, size } of event[side]) put(sides[side], price, size)
      }
      sequence = event.sequence ?? undefined
    }
    const after = market.book('S07USDT', to, Number.POSITIVE_INFINITY)
    expect(after?.sequence).toBe(sequence)
    for (const side of ['bids', 'asks'] as const) {
      const levels = (after?.[side] ?? []).map(([price, size]) => [String(Number(price)), String(Number(size))])
      expect(levels.length).toBeGreaterThan(700)
      expect(new Map(levels.map(([price = '', size = '']) => [price, size]))).toEqual(sides[side])
    }
  })
})

/** The texts of whole frames of a server: https://www.rfc-editor.org/rfc/rfc6455#section-5.2 */
function textsOf(bytes: Buffer): string[] {
  const texts: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const short = bytes.readUInt8(at + 1)
    const length = short === 126 ? bytes.readUInt16BE(at + 2) : short
    const start = at + (short === 126 ? 4 : 2)
    at = start + length
    texts.push(bytes.toString('latin1', start, at))
  }
  return texts
}
