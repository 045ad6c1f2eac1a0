import { describe, expect, it } from 'vitest'
import { OKX, read, SNAPSHOT, types } from './book-play.ts'
import { DAY, HOUR, MINUTE, Play, type PlayedSocket, SECOND } from './session.ts'
import { bybitBook, coinbaseBook, okxBook } from './session-exchange.ts'

describe('a book whose snapshot is streamed', () => {
  it('is asked for anew where an update is missing, ever less often', () => {
    let due = 0
    const onSent = (_: PlayedSocket, frame: string) => {
      if (frame.includes('"subscribe"')) due += 1
    }
    const played = new Play('okx', { onSent })
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
    due = 0
    played.wait(HOUR, () => {
      for (; due > 0; due--) played.frame(okxBook('BTC-USDT', SNAPSHOT))
      played.frame(okxBook('BTC-USDT', { kind: 'update', from: 11, to: 12 }))
    })
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

describe('a book whose snapshot is acknowledged and never comes', () => {
  const NAME = { okx: 'books:BTC-USDT', bybit: 'orderbook.1000.BTCUSDT', coinbase: 'level2_batch:BTC-USD' } as const

  /** Beside it another book flows on whichever socket has it, for an hour; snapshots of the first come when `isSent`. */
  function beside(exchange: keyof typeof NAME, isSent: (socket: PlayedSocket) => boolean = () => false) {
    const quote = exchange === 'coinbase' ? 'USD' : 'USDT'
    const [key, other] = [`book:${exchange}:BTC-${quote}:5`, `book:${exchange}:ETH-${quote}:5`]
    const symbols = exchange === 'bybit' ? ['BTCUSDT', 'ETHUSDT'] : [`BTC-${quote}`, `ETH-${quote}`]
    const frames = { okx: okxBook, bybit: bybitBook, coinbase: coinbaseBook }
    const due: { readonly socket: PlayedSocket; readonly symbol: string }[] = []
    const asked: { readonly socket: number; readonly at: number }[] = []
    const played: Play = new Play(exchange, {
      onSent: (socket, frame) => {
        if (!/"subscribe"/.test(frame) || !/books|orderbook|level2/.test(frame)) return
        for (const symbol of symbols) if (frame.includes(symbol)) due.push({ socket, symbol })
        if (frame.includes(symbols[0] ?? '')) asked.push({ socket: socket.id, at: played.now })
      },
    })
    const counters = new Map<string, number>()
    const flow = (ms: number) =>
      played.wait(ms, () => {
        for (const { socket, symbol } of due.splice(0)) {
          if (symbol === symbols[0] && !isSent(socket)) continue
          counters.set(symbol, 10)
          played.frame(frames[exchange](symbol, SNAPSHOT), socket)
        }
        for (const [symbol, from] of counters) {
          const name = symbol === symbols[0] ? NAME[exchange] : NAME[exchange].replace('BTC', 'ETH')
          const changes = { kind: 'update', from, to: from + 1, bids: [['8', String(from)]] } as const
          const socket = played.open.find(({ subscribed }) => subscribed.has(name))
          if (socket === undefined) continue
          counters.set(symbol, from + 1)
          played.frame(frames[exchange](symbol, changes), socket)
        }
        for (const socket of played.open) signs(played, socket, symbols)
      })
    played.demand(key, other)
    return { played, key, other, asked, flow }
  }

  it.each(['okx', 'bybit', 'coinbase'] as const)(
    'of %s is asked for once more, then on another socket, then less and less often',
    (exchange) => {
      const { played, key, other, asked, flow } = beside(exchange)
      flow(MINUTE)
      expect(asked.map(({ socket }) => socket)).toEqual([1, 1, 2])
      flow(HOUR)
      expect(new Set(asked.slice(2).map(({ socket }) => socket))).toEqual(new Set([2]))
      expect(asked.length).toBeGreaterThan(6)
      expect(asked.length).toBeLessThan(12)
      const pauses = asked.map(({ at }, n) => at - (asked[n - 1]?.at ?? at)).slice(3)
      expect(pauses).toEqual(pauses.toSorted((a, b) => a - b))
      expect(played.sockets.size).toBe(2)
      // It is told once, and whoever shares its first socket notices nothing.
      const reason = 'no snapshot has come'
      expect(played.told(key).map(({ type }) => type)).toEqual(['resync'])
      expect(played.status.unsynced).toMatchObject([{ reason }])
      expect([types(played, other)[0], played.told(other, 'resync')]).toEqual(['snapshot', []])
      flow(DAY)
      expect(asked.length).toBeLessThan(50)
      expect(played.sockets.size).toBe(2)
    },
  )

  it('is a book as soon as another socket brings it, and what follows is a first failure', () => {
    const { played, key, asked, flow } = beside('okx', ({ id }) => id > 1)
    flow(MINUTE)
    expect(asked.map(({ socket }) => socket)).toEqual([1, 1, 2])
    expect(read(played, key)).toMatchObject({ bids: [{ price: '9' }, { price: '8' }] })
    expect(played.status).toMatchObject({ resyncs: 1, unsynced: [] })
    const carrier = played.open.find(({ subscribed }) => subscribed.has('books:BTC-USDT'))
    played.frame(okxBook('BTC-USDT', { kind: 'update', from: 98, to: 99 }), carrier)
    flow(5 * SECOND)
    expect(asked.map(({ socket }) => socket)).toEqual([1, 1, 2, 2])
    expect(played.status.unsynced).toEqual([])
  })

  it('is a book whenever it comes all the same, and is not asked for again then', () => {
    let isSent = false
    const { played, key, asked, flow } = beside('okx', () => isSent)
    flow(20 * MINUTE)
    const before = asked.length
    const carrier = played.open.find(({ subscribed }) => subscribed.has('books:BTC-USDT'))
    played.frame(okxBook('BTC-USDT', SNAPSHOT), carrier)
    flow(2 * HOUR)
    expect(asked).toHaveLength(before)
    isSent = true
    played.frame(okxBook('BTC-USDT', { kind: 'update', from: 98, to: 99 }), carrier)
    flow(5 * SECOND)
    expect(asked).toHaveLength(before + 1)
    expect(read(played, key)).toHaveProperty('bids')
  })

  it('does not drag along hundreds: those that were forgotten together share the other socket', () => {
    const played = new Play('okx')
    played.demand(...Array.from({ length: 100 }, (_, n) => `book:okx:A${n}-USDT:5`))
    played.wait(HOUR)
    expect(played.sockets.size).toBe(2)
    const asked = played.of('send').filter(({ frame }) => frame.includes('"subscribe"'))
    expect(asked.length).toBeLessThan(480)
  })
})

/** The heartbeats of Coinbase. */
function signs(played: Play, socket: PlayedSocket, symbols: readonly string[]): void {
  if (played.exchange !== 'coinbase') return
  for (const product_id of symbols) {
    if (!socket.subscribed.has(`heartbeat:${product_id}`)) continue
    const time = new Date(played.now).toISOString()
    const heartbeat = { type: 'heartbeat', sequence: 1, last_trade_id: 0, product_id, time }
    played.frame(JSON.stringify(heartbeat), socket)
  }
}
