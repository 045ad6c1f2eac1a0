import { describe, expect, it } from 'vitest'
import { OKX, read, SNAPSHOT, types } from './book-play.ts'
import { HOUR, Play, SECOND } from './session.ts'
import { bybitBook, coinbaseBook, okxBook } from './session-exchange.ts'

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
