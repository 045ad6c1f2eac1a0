import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Clock } from '../../src/domain/clock.ts'
import { decimal } from '../../src/domain/decimal.ts'
import { splitFrame, typeOfMessage } from '../../src/live/messages.ts'
import { Replay } from '../../src/live/replay.ts'
import { ReplayClient } from '../../src/live/replay-client.ts'
import type { ReplayRecord } from '../../src/live/replay-records.ts'

const T0 = Date.UTC(2026, 0, 1)
const OF = { exchange: 'okx', symbol: 'BTC-USDT' }
const TRADES = { ...OF, channel: 'trades', interval: null, depth: null } as const
/** Each makes a frame of 64 kB. */
const TRADES_PER_PAGE = 300

const pingSchema = z.object({ type: z.literal('ping'), id: z.int() })

let now: number
let pages: number
let freed: boolean
let frames: string[]
let closed: { code: number; reason: string } | undefined
/** How the time that the server waits passes: `true` where a client has answered before. */
let whileWaiting: (ms: number) => boolean
let ended: number
/** Whether waiting ends with the signal alone. */
let untilSignal: boolean
/** What happens before the next page is there. */
let whileReading: () => void

beforeEach(() => {
  now = 0
  pages = 0
  freed = false
  frames = []
  closed = undefined
  ended = 0
  untilSignal = false
  whileReading = () => {}
  whileWaiting = () => false
})

async function* records(count: number): AsyncGenerator<readonly ReplayRecord[]> {
  try {
    for (; pages < count; pages++) {
      await Promise.resolve()
      whileReading()
      yield Array.from({ length: TRADES_PER_PAGE }, (_, index) => {
        const time = T0 + pages * TRADES_PER_PAGE + index
        const [price, size] = [decimal('1.5'), decimal('2')]
        const trade = {
          id: `${time}`,
          price,
          size,
          side: 'buy',
          exchangeTime: time,
          receivedTime: time,
          seq: 1,
        } as const
        return { kind: 'trade', time, trade } as const
      })
    }
  } finally {
    freed = true
  }
}

function connect(count: number, fails = false): ReplayClient {
  const source = fails ? failing() : records(count)
  const window = { start: T0, end: T0 + 1 }
  const replay = new Replay({
    ...OF,
    exchangeSymbol: 'BTC-USDT',
    window,
    sources: [{ topic: TRADES, records: source }],
  })
  const socket = {
    send: (text: string) => void frames.push(text),
    close: (code: number, reason: string) => {
      closed = { code, reason }
    },
  }
  const clock: Clock = { now: () => now, at: (time) => time, realMs: (ms) => ms }
  let id = 0
  return new ReplayClient(socket, replay, {
    ...OF,
    aliases: new Set(['cryptopair_okx_btcusdt']),
    clock,
    newPingId: () => ++id * 1_000,
    sleep: async (ms, signal) => {
      if (!whileWaiting(ms) && !signal.aborted) now += ms
      if (untilSignal) await new Promise((resolve) => signal.addEventListener('abort', resolve))
    },
    onEnd: () => ended++,
    describeFailure: () => ({ code: 'storage_unavailable', detail: 'the database did not answer' }),
  })
}

async function* failing(): AsyncGenerator<readonly ReplayRecord[]> {
  yield* records(1)
  throw new Error('secret')
}

const messages = () => frames.flatMap(splitFrame)
const types = () => messages().map(typeOfMessage)
const bytes = () => frames.reduce((sum, { length }) => sum + length, 0)
const pings = () => messages().flatMap((text) => pingSchema.safeParse(JSON.parse(text)).data ?? [])

describe('a client of a replay', () => {
  it('that reads gets all of it, whatever its size, and a close', async () => {
    let answered = 0
    let most = 0
    const client = connect(100)
    whileWaiting = () => {
      const open = pings().slice(answered)
      answered += open.length
      most = Math.max(most, open.length)
      for (const { id } of open) client.receive(JSON.stringify({ op: 'pong', id }))
      return open.length > 0
    }
    await client.run()
    expect(types().filter((type) => type === 'trade').length).toBe(100 * TRADES_PER_PAGE)
    expect(types().at(-1)).toBe('end')
    expect(closed).toEqual({ code: 1000, reason: 'end' })
    expect([now, most > 0, ended, freed]).toEqual([0, true, 1, true])
  })

  it('that answers no ping holds no more than 1 MB and a frame, and is closed after 30 s', async () => {
    await connect(1_000).run()
    expect(bytes()).toBeGreaterThan(1_024 * 1_024)
    expect(bytes()).toBeLessThan(1_200 * 1_024)
    expect(pings().length).toBe(4)
    expect([now, closed?.code, ended, freed]).toEqual([30_000, 1008, 1, true])
    expect(pages).toBeLessThan(20)
  })

  it('that answers with another id is taken for one that does not answer', async () => {
    const client = connect(1_000)
    whileWaiting = () => {
      client.receive('{"op":"pong","id":7}')
      return false
    }
    await client.run()
    expect(closed?.code).toBe(1008)
  })

  it('that does not know pings gets what is small all the same', async () => {
    await connect(10).run()
    expect([closed?.code, types().at(-1), pings().length > 0]).toEqual([1000, 'end', true])
  })

  it('that has gone ends the work, also while it is waited for', async () => {
    const client = connect(1_000)
    whileWaiting = () => {
      client.gone()
      return true
    }
    await client.run()
    expect([closed, ended, freed, pages < 20]).toEqual([undefined, 1, true, true])
    const sent = frames.length
    client.receive('{"op":"ping"}')
    expect([frames.length, ended]).toEqual([sent, 1])
  })

  it('that goes while its pong is waited for is not waited for any longer', async () => {
    untilSignal = true
    const client = connect(1_000)
    whileWaiting = () => {
      queueMicrotask(() => client.gone())
      return true
    }
    await client.run()
    expect([closed, ended, freed]).toEqual([undefined, 1, true])
    const sent = frames.length
    client.receive('{"op":"ping"}')
    client.gone()
    expect([frames.length, ended]).toEqual([sent, 1])
  })

  it('is told of a failure on our side, without its cause', async () => {
    await connect(0, true).run()
    expect(types().at(-1)).toBe('error')
    expect(frames.at(-1)).toContain('"code":"storage_unavailable"')
    expect(frames.join('')).not.toContain('secret')
    expect([closed?.code, ended]).toEqual([1011, 1])
  })
})

describe('its commands', () => {
  const answerTo = (client: ReplayClient, command: unknown) => {
    const before = frames.length
    client.receive(typeof command === 'string' ? command : JSON.stringify(command))
    return frames.slice(before).flatMap((frame) => JSON.parse(frame))
  }
  const arg = { channel: 'trades', symbol: 'BTC-USDT' }

  it('are answered as far as they make sense for something that is fixed', () => {
    const client = connect(1)
    expect(answerTo(client, { op: 'ping', id: 1 })).toEqual([{ type: 'pong', id: 1 }])
    const topics = [{ channel: 'trades', ...OF }]
    expect(answerTo(client, { op: 'list', id: 'a' })).toEqual([{ type: 'subscriptions', id: 'a', topics }])
    const settings = { type: 'configured', id: 2, conflateMs: 5, maxMessagesPerSecond: null }
    expect(answerTo(client, { op: 'configure', id: 2, conflateMs: 5 })).toEqual([settings])
    expect(answerTo(client, { op: 'configure', id: 2, maxMessagesPerSecond: 9 })).toEqual([
      { ...settings, maxMessagesPerSecond: 9 },
    ])
    const args = [arg, arg, { channel: 'trade!' }]
    expect(answerTo(client, { op: 'unsubscribe', id: 3, args })).toEqual([
      { type: 'unsubscribed', id: 3, channel: 'trades', ...OF },
      { type: 'error', id: 3, code: 'not_subscribed', detail: expect.any(String), arg },
      { type: 'error', id: 3, code: 'unknown_channel', detail: expect.any(String), arg: { channel: 'trade!' } },
    ])
    expect(answerTo(client, { op: 'list' })).toEqual([{ type: 'subscriptions', id: null, topics: [] }])
    expect(closed).toBeUndefined()
  })

  it('subscribe to what the URL names, and to nothing else', () => {
    const client = connect(1)
    const epoch = `replay-${T0}-${T0 + 1}`
    const subscribed = { type: 'subscribed', id: 1, channel: 'trades', ...OF, epoch, seq: 0, state: false }
    const named = [arg, { ...arg, exchange: 'okx' }, { ...arg, symbol: 'cryptopair_okx_btcusdt' }]
    expect(answerTo(client, { op: 'subscribe', id: 1, args: named })).toEqual([subscribed, subscribed, subscribed])
    expect(answerTo(client, { method: 'subscribe', id: 1, params: { ...arg, channel: 'trade' } })).toEqual([subscribed])
    const refusals: [object, string][] = [
      [{ ...arg, symbol: 'ETH-USDT' }, 'trades:okx:ETH-USDT is not'],
      [{ ...arg, channel: 'candles' }, 'candles:okx:BTC-USDT:1m is not'],
      [{ ...arg, channel: 'book', depth: 5 }, 'book:okx:BTC-USDT:5 is not'],
      [{ channel: 'status' }, 'status:okx is not'],
    ]
    for (const [other, says] of refusals) {
      const [first, second] = answerTo(client, { op: 'subscribe', id: 1, args: [other, arg] })
      const detail = `${says}, or no longer, in this replay's channels: trades:okx:BTC-USDT`
      expect(first).toEqual({ type: 'error', id: 1, code: 'unprocessable', detail, arg: other })
      expect(second).toEqual(subscribed)
    }
    const elsewhere = { ...arg, exchange: 'bybit' }
    expect(answerTo(client, { op: 'subscribe', args: [elsewhere] })).toMatchObject([
      { type: 'error', code: 'unknown_exchange', arg: elsewhere },
    ])
    answerTo(client, { op: 'unsubscribe', args: [arg] })
    expect(answerTo(client, { op: 'subscribe', args: [arg] })).toMatchObject([
      { type: 'error', code: 'unprocessable', detail: expect.stringContaining('none is left'), arg },
    ])
  })

  it('are answered between what was read before and what is read after', async () => {
    const client = connect(3)
    whileReading = () => client.receive(JSON.stringify({ op: 'subscribe', id: pages, args: [arg] }))
    await client.run()
    const numbers = z.looseObject({ type: z.string(), seq: z.int().optional(), prevSeq: z.int().optional() })
    const numbered = messages().map((text) => numbers.parse(JSON.parse(text)))
    const answers = numbered.filter(({ type }) => type === 'subscribed').map(({ seq }) => seq)
    expect(answers).toEqual([0, 0, TRADES_PER_PAGE, 2 * TRADES_PER_PAGE])
    let last = 0
    for (const { type, seq = last, prevSeq } of numbered) {
      if (type === 'trade') expect(prevSeq).toBe(last)
      if (type === 'subscribed') expect(seq).toBe(last)
      last = seq
    }
    expect([last, types().at(-1)]).toEqual([3 * TRADES_PER_PAGE, 'end'])
  })

  it('leave out at once what is unsubscribed', async () => {
    const client = connect(3)
    whileReading = () => pages === 1 && client.receive(JSON.stringify({ op: 'unsubscribe', args: [arg] }))
    await client.run()
    const told = types().filter((type) => type !== 'ping')
    expect(told.indexOf('unsubscribed')).toBe(1 + TRADES_PER_PAGE)
    expect(told.slice(1 + TRADES_PER_PAGE)).toEqual(['unsubscribed', 'end'])
  })

  it.each([
    ['what is none', 'hello'],
    ['what is too long', JSON.stringify({ op: 'ping', id: 'a', more: 'a'.repeat(20_000) })],
  ])('end with %s', (_, text) => {
    const answers = answerTo(connect(1), text)
    expect(answers).toEqual([
      { type: 'error', id: null, code: 'invalid_request', detail: expect.any(String), arg: null },
    ])
    expect(closed?.code).toBe(1008)
  })

  it('end with bytes, and with too many', () => {
    const client = connect(1)
    client.receive(new ArrayBuffer(1))
    expect(closed?.code).toBe(1008)
    closed = undefined
    const other = connect(1)
    for (let count = 0; count < 301 && closed === undefined; count++) other.receive('{"op":"ping"}')
    expect([closed, types().at(-1)]).toEqual([{ code: 1008, reason: 'too many commands' }, 'error'])
  })
})
