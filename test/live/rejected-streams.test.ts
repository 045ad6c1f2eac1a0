import { describe, expect, it } from 'vitest'
import { BINANCE, OKX, read, SNAPSHOT, snapshot, types, update } from './book-play.ts'
import { MINUTE, Play, SECOND } from './session.ts'
import { okxBook } from './session-exchange.ts'

const TRADES = 'trades:binance:BTC-USDT'

/** The instrument is halted: its streams fall silent, and REST does not know it. Then its socket is lost as well. */
function halt(played: Play): void {
  const known = played.newest
  played.newest = () => ({ ok: false, code: 'unknown_instrument', detail: 'Invalid symbol.' })
  played.wait(30 * SECOND)
  expect(played.status.rejected.length).toBeGreaterThan(0)
  played.newest = known
}

/** The socket is replaced by another one, and what was rejected is asked for again. */
function listAnew(played: Play, exchange: 'binance' | 'okx'): void {
  played.demand(`trades:${exchange}:OTHER-USDT`)
  for (const socket of played.open) played.drop(socket)
  played.wait(3 * MINUTE)
  expect(played.status.rejected).toEqual([])
}

describe('a stream that is rejected after it was live', () => {
  it('leaves no book of REST behind, and makes one again on another socket', () => {
    const played = new Play('binance')
    played.demand(BINANCE)
    update(played, 9)
    snapshot(played, 10)
    expect(types(played, BINANCE)).toEqual(['snapshot'])
    halt(played)
    expect(read(played, BINANCE)).toEqual({ reason: 'the connection was lost' })
    expect(types(played, BINANCE)).toEqual(['snapshot', 'resync', 'gap'])
    listAnew(played, 'binance')
    update(played, 99)
    snapshot(played, 100)
    expect(read(played, BINANCE)).toMatchObject({ sequence: 100 })
    expect(types(played, BINANCE).at(-1)).toBe('snapshot')
  })

  it('leaves no streamed book behind, and makes one again on another socket', () => {
    const played = new Play('okx')
    played.demand(OKX)
    played.frame(okxBook('BTC-USDT', SNAPSHOT))
    expect(types(played, OKX)).toEqual(['snapshot'])
    halt(played)
    expect(read(played, OKX)).toEqual({ reason: 'the connection was lost' })
    expect(types(played, OKX)).toEqual(['snapshot', 'resync', 'gap'])
    listAnew(played, 'okx')
    const carrier = played.open.find(({ subscribed }) => subscribed.has('books:BTC-USDT'))
    played.frame(okxBook('BTC-USDT', SNAPSHOT), carrier)
    played.frame(okxBook('BTC-USDT', { kind: 'update', from: 10, to: 11, bids: [['8', '1']] }), carrier)
    expect(read(played, OKX)).toMatchObject({ sequence: 11 })
  })

  it('leaves its trades known no further than they were heard, and the hole is asked for on another socket', () => {
    const played = new Play('binance')
    played.demand(TRADES)
    const { id } = played.instrument('BTC-USDT')
    played.trade('BTCUSDT', 1)
    const heardAt = played.now
    expect(played.session.tradesKnownTo(id)).toBe(Number.POSITIVE_INFINITY)
    halt(played)
    expect(played.session.tradesKnownTo(id)).toBe(heardAt)
    listAnew(played, 'binance')
    played.trade('BTCUSDT', 9)
    expect(played.of('ask-trades').at(-1)).toMatchObject({ hole: { afterId: '1', beforeId: '9' } })
  })
})
