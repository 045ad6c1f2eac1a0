import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import { BookTopic } from '../../src/live/book-topic.ts'
import { HOUR, MINUTE, Play, SECOND, topicOf } from './session.ts'
import { binanceBook, bybitBook, coinbaseBook, okxBook, type PlayedBook } from './session-exchange.ts'

const BINANCE = 'book:binance:BTC-USDT:5'
const OKX = 'book:okx:BTC-USDT:5'
const SNAPSHOT = { kind: 'snapshot', from: -1, to: 10, bids: [['9', '1']], asks: [['11', '1']] } as const

function types(played: Play, key: string): string[] {
  played.take({ kind: 'flush' })
  return played.told(key).map(({ type, data }) => (type === 'book' ? String(data['kind']) : type))
}

function read(played: Play, key: string) {
  const topic = played.session.topic(topicOf(key))
  return topic instanceof BookTopic ? topic.read(5) : undefined
}

/** REST's answer to the newest question. */
function snapshot(played: Play, sequence: number, best: readonly [string, string] = ['9', '11']): void {
  const question = played.of('ask-snapshot').at(-1)
  if (question === undefined) throw new Error('nothing was asked')
  const [bids, asks] = best.map((price) => [{ price: decimal(price), size: decimal('1') }])
  const value = {
    exchangeSymbol: 'BTCUSDT',
    exchangeTime: null,
    sequence: String(sequence),
    bids: bids ?? [],
    asks: asks ?? [],
  }
  played.take({ kind: 'snapshot', instrumentId: question.instrument.id, answer: { ok: true, value } })
}

function update(played: Play, from: number, to = from + 1, changes: Pick<PlayedBook, 'bids' | 'asks'> = {}): void {
  const bids = [['8', String(to)]] as const
  played.frame(binanceBook('BTCUSDT', { kind: 'update', from, to, bids, ...changes }))
}

/** A Binance book that is live at 10. */
function binanceLive(): Play {
  const played = new Play('binance')
  played.demand(BINANCE)
  update(played, 9)
  snapshot(played, 10)
  expect(types(played, BINANCE)).toEqual(['snapshot'])
  return played
}

describe('a book whose snapshot comes from REST', () => {
  it('asks for it with the first update, and is then told whole', () => {
    const played = new Play('binance')
    played.demand(BINANCE)
    played.wait(2 * SECOND)
    expect(played.of('ask-snapshot')).toEqual([])
    expect(read(played, BINANCE)).toEqual({ reason: 'no snapshot has come yet' })
    update(played, 9)
    update(played, 10)
    expect(played.of('ask-snapshot')).toMatchObject([{ depth: 1_000 }])
    snapshot(played, 10)
    expect(played.of('changed')).toHaveLength(1)
    expect(types(played, BINANCE)).toEqual(['snapshot'])
    update(played, 11)
    expect(types(played, BINANCE)).toEqual(['snapshot', 'update'])
  })

  it('asks for it all the same where nothing happens', () => {
    const played = new Play('binance')
    played.demand(BINANCE)
    played.wait(6 * SECOND)
    snapshot(played, 10)
    expect(types(played, BINANCE)).toEqual(['snapshot'])
    update(played, 10)
    expect(types(played, BINANCE)).toEqual(['snapshot', 'update'])
  })

  it('asks for a deep one where clients want to see that deep', () => {
    const played = new Play('binance')
    played.demand('book:binance:BTC-USDT:1000')
    update(played, 9)
    expect(played.of('ask-snapshot')).toMatchObject([{ depth: 5_000 }])
  })

  it('is invalid at once where an update is missing: told, and live again from a fresh one', () => {
    const played = binanceLive()
    update(played, 12)
    expect(read(played, BINANCE)).toEqual({ reason: 'an update is missing' })
    expect(types(played, BINANCE)).toEqual(['snapshot', 'resync'])
    expect(played.of('ask-snapshot')).toHaveLength(2)
    // What revealed the gap is kept: the snapshot may be from just before it.
    snapshot(played, 12)
    expect(types(played, BINANCE)).toEqual(['snapshot', 'resync', 'snapshot'])
    expect(read(played, BINANCE)).toMatchObject({ sequence: 13 })
    expect(played.status.resyncs).toBe(1)
  })

  it('waits a moment where the snapshot is from before the updates, is refused, or is late', () => {
    const played = binanceLive()
    update(played, 12)
    snapshot(played, 5)
    expect(played.of('ask-snapshot')).toHaveLength(2)
    played.wait(3 * SECOND)
    const question = played.of('ask-snapshot').at(-1)
    expect(played.of('ask-snapshot')).toHaveLength(3)
    const refusal = { ok: false, code: 'rate_limited', detail: 'too many', retryAfterMs: 60_000 } as const
    played.take({ kind: 'snapshot', instrumentId: question?.instrument.id ?? 0, answer: refusal })
    expect(read(played, BINANCE)).toEqual({ reason: 'too many' })
    played.wait(59 * SECOND)
    expect(played.of('ask-snapshot')).toHaveLength(3)
    played.wait(10 * SECOND)
    expect(played.of('ask-snapshot')).toHaveLength(4)
    played.wait(16 * SECOND)
    expect(played.of('ask-snapshot')).toHaveLength(5)
    snapshot(played, 12)
    // The one that was late.
    snapshot(played, 12)
    expect(types(played, BINANCE)).toEqual(['snapshot', 'resync', 'snapshot'])
  })

  it('is never live without a socket', () => {
    const played = binanceLive()
    update(played, 12)
    played.isHelpful = false
    played.drop()
    played.wait(MINUTE, () => {
      if (played.isConnecting) played.refuse()
    })
    snapshot(played, 20)
    expect(read(played, BINANCE)).toEqual({ reason: 'the connection was lost' })
    expect(played.of('ask-snapshot')).toHaveLength(2)
    played.isHelpful = true
    played.wait(MINUTE)
    snapshot(played, 30)
    expect(types(played, BINANCE)).toEqual(['snapshot', 'resync', 'snapshot'])
  })

  it('is resynced once when it is crossed; if that does not help it is said to be, and tried ever less often', () => {
    const played = binanceLive()
    update(played, 10, 11, { bids: [['12', '1']] })
    expect(types(played, BINANCE)).toEqual(['snapshot', 'resync'])
    expect(played.of('ask-snapshot')).toHaveLength(2)
    update(played, 11)
    snapshot(played, 12, ['12', '11'])
    expect(read(played, BINANCE)).toEqual({ reason: 'the book was crossed' })
    expect(played.of('ask-snapshot')).toHaveLength(2)
    let answered = 2
    played.wait(HOUR, () => {
      if (played.of('ask-snapshot').length === answered) return
      answered += 1
      snapshot(played, 12, ['12', '11'])
    })
    expect(answered).toBeGreaterThan(60)
    expect(answered).toBeLessThan(400)
    expect(types(played, BINANCE).filter((type) => type === 'resync')).toHaveLength(1)
  })

  it('is renewed where it has become short of levels, at most once a minute, without being told anew', () => {
    const played = new Play('binance')
    played.demand(BINANCE)
    update(played, 9)
    const level = (price: number) => ({ price: decimal(String(price)), size: decimal('1') })
    const all = (from: number, step: number) => Array.from({ length: 1_000 }, (_, n) => level(from + n * step))
    const full = (sequence: number) => {
      const [bids, asks] = [all(9_999, -1), all(10_001, 1)]
      const value = { exchangeSymbol: 'BTCUSDT', exchangeTime: null, sequence: String(sequence), bids, asks }
      played.take({ kind: 'snapshot', instrumentId: played.instrument('BTC-USDT').id, answer: { ok: true, value } })
    }
    full(10)
    types(played, BINANCE)
    const bids = Array.from({ length: 997 }, (_, n) => [String(9_999 - n), '0'] as const)
    update(played, 10, 11, { bids })
    played.wait(30 * SECOND)
    expect(played.of('ask-snapshot')).toHaveLength(1)
    played.wait(40 * SECOND)
    expect(played.of('ask-snapshot')).toHaveLength(2)
    expect(read(played, BINANCE)).toMatchObject({ availableDepth: 3 })
    full(11)
    expect(read(played, BINANCE)).toMatchObject({ availableDepth: 5 })
    expect(types(played, BINANCE)).not.toContain('resync')
  })
})

describe('a book whose snapshot is streamed', () => {
  it('is asked for anew where an update is missing, ever less often', () => {
    const played = new Play('okx')
    played.demand(OKX)
    played.frame(okxBook('BTC-USDT', SNAPSHOT))
    types(played, OKX)
    played.fresh('send')
    played.frame(okxBook('BTC-USDT', { kind: 'update', from: 11, to: 12 }))
    played.wait(SECOND)
    const asked = played.fresh('send').map(({ frame }) => JSON.parse(frame))
    expect(asked.map(({ op }) => op)).toEqual(['unsubscribe', 'subscribe'])
    played.frame(okxBook('BTC-USDT', SNAPSHOT))
    expect(types(played, OKX)).toEqual(['snapshot', 'resync', 'snapshot'])
    played.wait(HOUR, () => played.frame(okxBook('BTC-USDT', { kind: 'update', from: 11, to: 12 })))
    const subscribes = played.fresh('send').filter(({ frame }) => frame.includes('"subscribe"'))
    // OKX takes 480 an hour, of subscribing and unsubscribing together.
    expect(subscribes.length).toBeGreaterThan(30)
    expect(subscribes.length).toBeLessThan(240)
  })

  it('is asked for again where it does not come', () => {
    const played = new Play('bybit')
    played.demand('book:bybit:BTC-USDT:5')
    played.wait(20 * SECOND, () => played.frame(bybitBook('BTCUSDT', { kind: 'update', from: 1, to: 2 })))
    const asked = played.of('send').map(({ frame }) => JSON.parse(frame).op)
    expect(asked.filter((op) => op !== 'ping')).toEqual(['subscribe', 'unsubscribe', 'subscribe'])
  })

  it('follows a counter that falls, and a service that starts anew', () => {
    const okx = new Play('okx')
    okx.demand(OKX)
    okx.frame(okxBook('BTC-USDT', SNAPSHOT))
    okx.frame(okxBook('BTC-USDT', { kind: 'update', from: 10, to: 3, bids: [['8', '1']] }))
    okx.frame(okxBook('BTC-USDT', { kind: 'update', from: 3, to: 3 }))
    okx.frame(okxBook('BTC-USDT', { kind: 'update', from: 3, to: 4, bids: [['7', '1']] }))
    expect(read(okx, OKX)).toMatchObject({ sequence: 4, bids: [{ price: '9' }, { price: '8' }, { price: '7' }] })
    const bybit = new Play('bybit')
    bybit.demand('book:bybit:BTC-USDT:5')
    bybit.frame(bybitBook('BTCUSDT', { ...SNAPSHOT, to: 900 }))
    bybit.frame(bybitBook('BTCUSDT', { ...SNAPSHOT, to: 1 }))
    bybit.frame(bybitBook('BTCUSDT', { kind: 'update', from: 1, to: 2, bids: [['8', '1']] }))
    expect(read(bybit, 'book:bybit:BTC-USDT:5')).toMatchObject({ sequence: 2 })
    expect([okx.status.resyncs, bybit.status.resyncs]).toEqual([0, 0])
  })

  it('of Coinbase starts anew after a frame that could not be read', () => {
    const key = 'book:coinbase:BTC-USD:5'
    const played = new Play('coinbase')
    played.demand(key)
    played.frame(coinbaseBook('BTC-USD', SNAPSHOT))
    expect(types(played, key)).toEqual(['snapshot'])
    played.fresh('send')
    played.frame('{"type":"l2update","product_id":"BTC-USD","chan')
    played.wait(SECOND)
    expect(read(played, key)).toEqual({ reason: 'a frame could not be read' })
    expect(played.fresh('send').map(({ frame }) => JSON.parse(frame).type)).toEqual(['unsubscribe', 'subscribe'])
    played.frame(coinbaseBook('BTC-USD', SNAPSHOT))
    expect(types(played, key)).toEqual(['snapshot', 'resync', 'snapshot'])
  })

  it('is told at the next flush after its snapshot has come, though a flush came before', () => {
    const played = new Play('okx')
    played.demand(OKX)
    played.take({ kind: 'flush' })
    played.fresh('changed')
    played.frame(okxBook('BTC-USDT', SNAPSHOT))
    expect(played.fresh('changed')).toHaveLength(1)
    expect(types(played, OKX)).toEqual(['snapshot'])
  })
})
