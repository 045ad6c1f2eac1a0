import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { connectors } from '../../src/exchanges/registry.ts'
import { RequestPace } from '../../src/live/request-pace.ts'
import { StreamWishes } from '../../src/live/stream-wishes.ts'
import { HOUR, MINUTE, Play, SECOND } from './session.ts'
import { okxBook } from './session-exchange.ts'

describe('the pace of requests', () => {
  it('keeps every published limit, and never makes one wait for long', () => {
    const [limit] = connectors.okx.stream.limits.messages
    const moment = fc.record({ wait: fc.integer({ min: 0, max: 20 * SECOND }), wanted: fc.integer({ min: 1, max: 3 }) })
    const moments = fc.array(moment, { minLength: 1_000, maxLength: 1_500 })
    fc.assert(
      fc.property(moments, (all) => {
        const pace = new RequestPace(connectors.okx.stream.limits.messages)
        const sent: number[] = []
        let now = 0
        for (const { wait, wanted } of all) {
          now += wait
          expect(pace.waitMs(now)).toBeLessThanOrEqual(45 * SECOND)
          if (pace.waitMs(now) > 0) continue
          pace.begin(now)
          for (let n = 0; n < wanted && pace.maySend(now); n++) {
            pace.sent(now)
            sent.push(now)
          }
          const inWindow = sent.filter((at) => now - at < (limit?.windowMs ?? 0)).length
          expect(inWindow).toBeLessThanOrEqual(limit?.limit ?? 0)
        }
      }),
      { numRuns: 20 },
    )
  })
})

describe('what is wanted while nothing may be sent', () => {
  const all = (wishes: StreamWishes, most = 10) => {
    const found: string[] = []
    for (let next = wishes.next(most); next !== undefined; next = wishes.next(most))
      found.push(`${next.verb} ${next.names.join(' ')}`)
    return found
  }

  it('costs a message of each kind, however often it changes', () => {
    const wishes = new StreamWishes()
    for (let n = 0; n < 50; n++) {
      wishes.unsubscribe(['a', 'b'])
      wishes.subscribe(['a', 'b'])
    }
    wishes.subscribe(['c'])
    expect(all(wishes)).toEqual(['unsubscribe a b', 'subscribe a b c'])
  })

  it('costs none where it is not wanted any more', () => {
    const wishes = new StreamWishes()
    wishes.subscribe(['a', 'b'])
    wishes.subscribeApart(['c', 'd'])
    wishes.unsubscribe(['a', 'd'])
    expect(all(wishes)).toEqual(['subscribe c', 'subscribe b'])
  })

  it('is unsubscribed where it is held, and goes out in requests of the allowed size', () => {
    const wishes = new StreamWishes()
    wishes.unsubscribe(['a'])
    wishes.subscribe(['b', 'c', 'd'])
    expect(all(wishes, 2)).toEqual(['unsubscribe a', 'subscribe b c', 'subscribe d'])
  })
})

describe('OKX, that takes 480 requests an hour over a socket', () => {
  it('is asked for hundreds of streams that come one by one in few messages, and heartbeats cost none', () => {
    const played = new Play('okx')
    for (let n = 0; n < 150; n++) played.demand(`ticker:okx:S${n}-USDT`)
    played.wait(2 * SECOND)
    expect(played.open.map(({ sent }) => sent.length)).toEqual([3])
    played.wait(3 * HOUR)
    const pings = played.socket.sent.filter(({ frame }) => frame === 'ping')
    expect(pings.length).toBeGreaterThan(500)
    played.demand('ticker:okx:NEW-USDT')
    expect(played.socket.subscribed.has('tickers:NEW-USDT')).toBe(true)
  })

  it('has new streams within seconds, however many come and go', () => {
    const played = new Play('okx')
    played.demand('ticker:okx:AAA-USDT')
    for (let n = 0; n < 500; n++) {
      for (const key of [`ticker:okx:S${n}-USDT`, `bbo:okx:S${n}-USDT`]) {
        played.demand(key)
        played.release(key)
      }
      played.wait(10 * SECOND)
      expect(played.open.some(({ subscribed }) => subscribed.has(`tickers:S${n}-USDT`))).toBe(true)
    }
    expect(played.open.length).toBeLessThan(8)
  })

  it('gives books that often break a fresh snapshot within half a minute, for hours', () => {
    const due = new Set<string>()
    const onSent = (_socket: unknown, frame: string) => {
      const { op, args = [] }: { op?: string; args?: { instId: string }[] } = frame === 'ping' ? {} : JSON.parse(frame)
      if (op === 'subscribe') for (const { instId } of args) due.add(instId)
    }
    const played = new Play('okx', { onSent })
    const names = Array.from({ length: 10 }, (_, n) => `C${n}-USDT`)
    played.demand(...names.map((name) => `book:okx:${name}:5`))
    const brokenAt = new Map<string, number>()
    let longest = 0
    let id = 1
    played.wait(90 * MINUTE, () => {
      id += 1
      const at = played.now
      for (const [n, name] of names.entries()) {
        if (due.delete(name)) {
          played.frame(okxBook(name, { kind: 'snapshot', from: -1, to: id, bids: [['9', '1']], asks: [['11', '1']] }))
          longest = Math.max(longest, at - (brokenAt.get(name) ?? at))
          brokenAt.delete(name)
        } else if (!brokenAt.has(name)) {
          const isGap = (id + 12 * n) % 120 === 0
          played.frame(okxBook(name, { kind: 'update', from: isGap ? id : id - 1, to: id, bids: [['9', '2']] }))
          if (isGap) brokenAt.set(name, at)
        }
      }
    })
    expect(longest).toBeLessThan(40 * SECOND)
    expect(brokenAt.size).toBeLessThan(5)
    expect(played.status.reconnects).toBe(0)
  })
})
