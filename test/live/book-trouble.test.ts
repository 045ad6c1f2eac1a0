import { describe, expect, it } from 'vitest'
import { BINANCE, binanceLive, newestQuestion, OKX, SNAPSHOT, snapshot, types, update } from './book-play.ts'
import { MINUTE, Play, SECOND, topicOf } from './session.ts'
import { bybitBook, okxBook } from './session-exchange.ts'

const BYBIT = 'book:bybit:BTC-USDT:5'
const CROSSED = { ...SNAPSHOT, bids: [['12', '1']] } as const

/** What one who subscribes now is told beside the state. */
function newcomer(played: Play, key: string) {
  const text = played.session.outage(topicOf(key), played.now)
  return text === null ? null : JSON.parse(text)
}

describe('a book that has never been in sync', () => {
  it('because it is crossed from the first snapshot: clients are told once, and the status says so', () => {
    let due = 0
    const onSent = (_socket: unknown, frame: string) => {
      if (frame.includes('"subscribe"')) due += 1
    }
    const played = new Play('bybit', { onSent })
    played.demand(BYBIT)
    let snapshots = 0
    played.wait(5 * MINUTE, () => {
      for (; due > 0; due--) {
        snapshots += 1
        played.frame(bybitBook('BTCUSDT', CROSSED))
      }
    })
    expect(snapshots).toBeGreaterThan(5)
    const reason = 'the book was crossed'
    expect(played.told(BYBIT).map(({ type, data }) => [type, data])).toEqual([['resync', { reason }]])
    expect(newcomer(played, BYBIT)).toMatchObject({ type: 'resync', seq: 1, prevSeq: 1, data: { reason } })
    expect(played.status).toMatchObject({ resyncs: 1, unsynced: [{ symbol: 'BTC-USDT', reason }] })
    played.frame(bybitBook('BTCUSDT', SNAPSHOT))
    expect(types(played, BYBIT)).toEqual(['resync', 'snapshot'])
    expect(newcomer(played, BYBIT)).toBeNull()
    expect(played.status.unsynced).toEqual([])
  })

  it('because REST refuses its snapshot: clients are told once, with what it says', () => {
    const played = new Play('binance')
    played.demand(BINANCE)
    let [sequence, answered] = [9, 0]
    const refuse = () => {
      update(played, sequence++)
      if (played.of('ask-snapshot').length === answered) return
      answered = played.of('ask-snapshot').length
      const { instrument, request } = newestQuestion(played)
      const answer = { ok: false, code: 'exchange_unavailable', detail: 'not there' } as const
      played.take({ kind: 'snapshot', instrumentId: instrument.id, request, answer })
    }
    played.wait(14 * SECOND, refuse)
    expect([played.told(BINANCE), newcomer(played, BINANCE)]).toEqual([[], null])
    expect(played.status.unsynced).toEqual([{ symbol: 'BTC-USDT', reason: 'not there' }])
    played.wait(5 * MINUTE, refuse)
    expect(played.told(BINANCE).map(({ type, data }) => [type, data])).toEqual([['resync', { reason: 'not there' }]])
    expect(newcomer(played, BINANCE)).toMatchObject({ type: 'resync' })
    played.wait(MINUTE)
    snapshot(played, sequence)
    expect(types(played, BINANCE)).toEqual(['resync', 'snapshot'])
  })

  it('because REST does not answer: clients are told once', () => {
    const played = new Play('binance')
    played.demand(BINANCE)
    played.wait(5 * MINUTE)
    const reason = 'no snapshot has come yet'
    expect(played.told(BINANCE).map(({ type, data }) => [type, data])).toEqual([['resync', { reason }]])
  })

  it('is not told to be in doubt while it is about to be', () => {
    const played = binanceLive()
    expect([types(played, BINANCE), newcomer(played, BINANCE)]).toEqual([['snapshot'], null])
    expect(played.status).toMatchObject({ resyncs: 0, unsynced: [] })
  })
})

it('one who comes while a book is in doubt is told, too', () => {
  const played = new Play('okx')
  played.demand(OKX)
  played.frame(okxBook('BTC-USDT', SNAPSHOT))
  expect(types(played, OKX)).toEqual(['snapshot'])
  played.frame(okxBook('BTC-USDT', { kind: 'update', from: 11, to: 12 }))
  const deeper = 'book:okx:BTC-USDT:50'
  played.demand(deeper)
  const data = { reason: 'an update is missing' }
  expect(newcomer(played, OKX)).toMatchObject({ type: 'resync', seq: 2, prevSeq: 2, data })
  expect(newcomer(played, deeper)).toMatchObject({ type: 'resync', seq: 0, prevSeq: 0, data })
  expect(played.told(deeper)).toEqual([])
})

it('a status names a hundred books at most', () => {
  const played = new Play('okx')
  played.demand(...Array.from({ length: 120 }, (_, n) => `book:okx:A${n}-USDT:5`))
  expect(played.status.unsynced).toHaveLength(100)
})
