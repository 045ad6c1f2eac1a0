import { describe, expect, it } from 'vitest'
import {
  BINANCE,
  binanceLive,
  bookOf,
  depths,
  fullSnapshot,
  newestQuestion,
  read,
  snapshot,
  types,
  update,
} from './book-play.ts'
import { HOUR, MINUTE, newestBook, Play, SECOND, topicOf } from './session.ts'
import { binanceBook } from './session-exchange.ts'

describe('a book whose snapshot comes from REST', () => {
  it('asks for it with the first update, and is then told whole', () => {
    const played = new Play('binance')
    played.demand(BINANCE)
    played.wait(2 * SECOND)
    expect(played.of('ask-snapshot')).toEqual([])
    expect(read(played, BINANCE)).toEqual({ reason: 'no snapshot has come yet' })
    update(played, 9)
    update(played, 10)
    expect(depths(played)).toEqual([100])
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

  it.each([
    [50, 100],
    [200, 1_000],
    [1_000, 5_000],
  ])('asks for as much as a view of %i levels needs', (view, depth) => {
    const played = new Play('binance')
    played.demand(`book:binance:BTC-USDT:${view}`)
    update(played, 9)
    expect(depths(played)).toEqual([depth])
  })

  it('asks for more when a deeper view is opened, once and no more than that takes', () => {
    const played = new Play('binance')
    played.demand(BINANCE)
    update(played, 9)
    fullSnapshot(played, 10)
    types(played, BINANCE)
    played.demand('book:binance:BTC-USDT:200')
    const topic = bookOf(played, BINANCE)
    expect([topic.awaitsLevels(50), topic.awaitsLevels(200)]).toEqual([false, true])
    played.wait(SECOND)
    fullSnapshot(played, 11)
    expect(topic.awaitsLevels(200)).toBe(false)
    played.demand('book:binance:BTC-USDT:1000')
    played.wait(SECOND)
    fullSnapshot(played, 12)
    played.wait(10 * MINUTE)
    expect(depths(played)).toEqual([100, 1_000, 5_000])
    expect(topic.read(1_000)).toMatchObject({ availableDepth: 1_000 })
    expect(types(played, BINANCE)).toEqual(['snapshot'])
  })

  it('asks for no more of a book that is whole', () => {
    const played = binanceLive()
    played.demand('book:binance:BTC-USDT:1000')
    played.wait(10 * MINUTE)
    expect(depths(played)).toEqual([100])
  })

  it('takes a snapshot that is as long as it could be for cut off, whatever was asked for', () => {
    const played = new Play('binance')
    played.demand('book:binance:BTC-USDT:1000')
    update(played, 9)
    fullSnapshot(played, 10, 1_000)
    update(played, 10, 11, { bids: Array.from({ length: 501 }, (_, n) => [String(9_999 - n), '0'] as const) })
    played.wait(2 * MINUTE)
    expect(depths(played).length).toBeGreaterThan(1)
  })

  it('takes no answer to a question from before a reconnect', () => {
    const played = new Play('binance')
    played.demand(BINANCE)
    update(played, 9)
    const old = newestQuestion(played)
    played.drop()
    played.wait(MINUTE)
    expect(depths(played).length).toBeGreaterThan(1)
    snapshot(played, 10, ['9', '11'], old)
    expect(read(played, BINANCE)).toHaveProperty('reason')
    snapshot(played, 20)
    expect(read(played, BINANCE)).toMatchObject({ sequence: 20 })
  })

  it('is as old as its snapshot where nothing else has been heard', () => {
    const played = new Play('binance')
    played.demand(BINANCE)
    played.wait(6 * SECOND)
    snapshot(played, 10)
    const topic = bookOf(played, BINANCE)
    expect(topic.receivedTime).toBe(played.now)
  })

  it('tells a newcomer nothing that others have not been told', () => {
    const played = binanceLive()
    update(played, 12)
    snapshot(played, 12)
    expect(played.session.state(topicOf(BINANCE), played.now).message).toBeNull()
    update(played, 13)
    expect(types(played, BINANCE)).toEqual(['snapshot', 'resync', 'snapshot'])
    expect(played.session.state(topicOf(BINANCE), played.now).message).toContain('"sequence":14')
  })

  it('is not revived by REST while its stream is silent though the book moves', () => {
    const played = new Play('binance')
    played.demand(BINANCE, 'trades:binance:BTC-USDT')
    update(played, 9)
    snapshot(played, 10)
    played.newest = ({ what }) => (what === 'trade' ? { ok: true, value: { what, time: null } } : newestBook('7', '11'))
    let id = 0
    const others = () => {
      for (const socket of played.open) if (socket.subscribed.size > 1) played.trade('BTCUSDT', ++id, socket)
    }
    played.wait(MINUTE, others)
    expect(types(played, BINANCE)).toContain('stale')
    const asked = depths(played).length
    played.wait(HOUR, others)
    expect(depths(played)).toHaveLength(asked)
    expect(read(played, BINANCE)).toEqual({ reason: 'the stream was silent' })
    expect(played.status.stale.join()).toContain('depth')
    const carrier = played.open.find(({ subscribed }) => subscribed.has('btcusdt@depth@100ms'))
    played.frame(binanceBook('BTCUSDT', { kind: 'update', from: 20, to: 21, bids: [['8', '1']] }), carrier)
    expect(depths(played)).toHaveLength(asked + 1)
    snapshot(played, 20)
    expect(read(played, BINANCE)).toMatchObject({ sequence: 21 })
  })

  it('takes no answer to a question from before its stream was found to be silent', () => {
    const played = new Play('binance')
    played.demand(BINANCE)
    update(played, 9)
    fullSnapshot(played, 10)
    played.newest = () => newestBook('7', '11')
    played.wait(8 * SECOND)
    played.demand('book:binance:BTC-USDT:200')
    // One more stream goes on, so that the socket is kept.
    played.demand('trades:binance:BTC-USDT')
    let id = 0
    played.wait(8 * SECOND, () => played.trade('BTCUSDT', ++id))
    expect(depths(played)).toEqual([100, 1_000])
    expect(types(played, BINANCE)).toContain('stale')
    fullSnapshot(played, 11)
    expect(read(played, BINANCE)).toEqual({ reason: 'the stream was silent' })
  })

  it('is read from REST again where another stream was silent, and took the socket along', () => {
    const quiet = 'book:binance:QUIET-USDT:5'
    const played = new Play('binance')
    played.demand(BINANCE)
    update(played, 9)
    snapshot(played, 10)
    played.demand(quiet)
    played.wait(6 * SECOND)
    snapshot(played, 10)
    expect(read(played, quiet)).toMatchObject({ sequence: 10 })
    played.newest = ({ instrument }) => {
      const bid = instrument.symbol === 'BTC-USDT' ? '7' : '9'
      return newestBook(bid, '11')
    }
    const asked = depths(played).length
    played.wait(30 * SECOND)
    expect(types(played, quiet)).toContain('stale')
    const about = played.of('ask-snapshot').map(({ instrument: { symbol } }) => symbol)
    expect(new Set(about.slice(asked))).toEqual(new Set(['QUIET-USDT']))
    snapshot(played, 10)
    expect(read(played, quiet)).toMatchObject({ sequence: 10 })
    expect(read(played, BINANCE)).toEqual({ reason: 'the stream was silent' })
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
    expect(played.of('ask-snapshot')).toHaveLength(3)
    const { instrument, request } = newestQuestion(played)
    const refusal = { ok: false, code: 'rate_limited', detail: 'too many', retryAfterMs: 60_000 } as const
    played.take({ kind: 'snapshot', instrumentId: instrument.id, request, answer: refusal })
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
    expect(types(played, BINANCE)).toEqual(['snapshot', 'resync', 'stale', 'snapshot'])
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
})
