import { describe, expect, it } from 'vitest'
import type { ExchangeName } from '../../src/exchanges/registry.ts'
import { snapshot } from './book-play.ts'
import { DAY, HOUR, MINUTE, newestBook, Play, SECOND } from './session.ts'
import { binance, binanceBook, bybitBook, okx, okxBook } from './session-exchange.ts'

/** Two instruments: `A` moves each second, `B` falls silent. */
function market(exchange: ExchangeName = 'okx'): { played: Play; quote: string; flow: (ms: number) => void } {
  const played = new Play(exchange)
  const quote = exchange === 'coinbase' ? 'USD' : 'USDT'
  played.demand(`trades:${exchange}:A-${quote}`, `trades:${exchange}:B-${quote}`)
  const [a, b] = [`A-${quote}`, `B-${quote}`].map((symbol) => played.instrument(symbol).exchangeSymbol)
  let id = 0
  const flow = (ms: number) =>
    played.wait(ms, () => {
      for (const socket of played.open) played.trade(a ?? '', ++id, socket)
    })
  played.trade(b ?? '', 1)
  flow(5 * SECOND)
  return { played, quote, flow }
}

const B = 'trades:okx:B-USDT'

describe('a stream that falls silent while others flow', () => {
  it('is asked about once, and is quiet where REST has nothing newer', () => {
    const { played, flow } = market()
    flow(7 * SECOND)
    expect(played.of('ask-newest')).toMatchObject([{ stream: 'business/trades-all:B-USDT', what: 'trade' }])
    expect(played.status).toMatchObject({ state: 'live', quiet: ['trades-all:B-USDT'], stale: [] })
    flow(HOUR)
    // 10, 20, 40 … seconds after each other.
    expect(played.of('ask-newest')).toHaveLength(8)
    expect(played.sockets.size).toBe(1)
    expect(played.told(B).map(({ type }) => type)).toEqual(['trade'])
    played.trade('B-USDT', 2)
    expect(played.status.quiet).toEqual([])
  })

  it('is stale where REST has something newer: told, and asked for again, alone', () => {
    const { played, flow } = market()
    played.newest = () => ({ ok: true, value: { what: 'trade', time: played.now - SECOND } })
    played.fresh('send')
    flow(12 * SECOND)
    expect(played.told(B, 'stale')).toHaveLength(1)
    expect(played.told('trades:okx:A-USDT', 'stale')).toEqual([])
    const asked = played.fresh('send').filter(({ frame }) => frame !== 'ping')
    expect(asked.map(({ frame }) => [JSON.parse(frame).op, JSON.parse(frame).args])).toEqual([
      ['unsubscribe', [{ channel: 'trades-all', instId: 'B-USDT' }]],
      ['subscribe', [{ channel: 'trades-all', instId: 'B-USDT' }]],
    ])
    expect(played.status).toMatchObject({ state: 'stale', stale: ['trades-all:B-USDT'], reconnects: 0 })
    flow(6 * SECOND)
    expect(played.of('ask-trades')).toHaveLength(1)
    played.trade('B-USDT', 2)
    flow(SECOND)
    expect(played.status).toMatchObject({ state: 'live', stale: [] })
    expect(played.told('status:okx', 'status').map(({ data }) => data['state'])).toContain('stale')
  })

  it('has a moment to bring what REST has just got', () => {
    const { played, flow } = market()
    played.newest = () => ({ ok: true, value: { what: 'trade', time: played.now } })
    flow(6 * SECOND)
    expect(played.of('ask-newest')).toHaveLength(1)
    played.trade('B-USDT', 2)
    flow(5 * SECOND)
    expect(played.told(B, 'stale')).toEqual([])
    expect(played.status.state).toBe('live')
  })

  it('gets a new socket where that does not help, and then no more than that: it costs only itself', () => {
    const { played, flow } = market()
    const [first] = played.open
    played.newest = () => ({ ok: true, value: { what: 'trade', time: played.now - SECOND } })
    flow(30 * SECOND)
    expect(first?.closeReason).toBe('trades-all:B-USDT stays silent')
    flow(12 * HOUR)
    expect(played.sockets.size).toBe(2)
    const asked = played.of('send').filter(({ frame }) => frame.includes('"subscribe"'))
    expect(asked.length).toBeLessThan(40)
    expect(played.status).toMatchObject({ state: 'stale', stale: ['trades-all:B-USDT'] })
  })

  it('is rejected where REST does not know it: Binance acknowledges any name', () => {
    const { played, flow } = market('binance')
    played.newest = () => ({ ok: false, code: 'unknown_instrument', detail: 'Invalid symbol.' })
    flow(HOUR)
    expect(played.status).toMatchObject({
      state: 'live',
      rejected: [{ topic: 'busdt@aggTrade', reason: 'Invalid symbol.' }],
    })
    expect(played.told('trades:binance:B-USDT', 'gap')).toHaveLength(1)
    expect(played.of('ask-newest').length).toBeLessThan(10)
    expect(played.sockets.size).toBe(1)
  })

  it('is taken for dead where REST never says, if it usually speaks: told, and asked for anew once', () => {
    const { played, flow } = market()
    for (let id = 2; id < 90; id++) {
      flow(SECOND)
      played.trade('B-USDT', id)
    }
    played.newest = () => ({ ok: false, code: 'rate_limited', detail: 'the exchange may not be asked now' })
    played.fresh('send')
    flow(40 * SECOND)
    expect(played.told(B, 'stale')).toEqual([])
    flow(40 * SECOND)
    expect(played.told(B, 'stale')).toHaveLength(1)
    expect(played.status).toMatchObject({ state: 'stale', stale: ['trades-all:B-USDT'] })
    flow(HOUR)
    const asked = played.fresh('send').filter(({ frame }) => frame.includes('"subscribe"'))
    expect(asked.map(({ frame }) => JSON.parse(frame).args)).toEqual([[{ channel: 'trades-all', instId: 'B-USDT' }]])
    expect(played.sockets.size).toBe(1)
    // REST answers again.
    played.newest = () => ({ ok: true, value: { what: 'trade', time: null } })
    flow(HOUR)
    expect(played.status).toMatchObject({ state: 'live', stale: [], quiet: ['trades-all:B-USDT'] })
  })

  it('is left alone where REST never says and it was never heard to speak', () => {
    const { played, flow } = market()
    played.newest = () => null
    flow(HOUR)
    expect(played.told(B, 'stale')).toEqual([])
  })

  it('is one of many that are asked for anew no faster than one a minute, where REST never says', () => {
    const played = new Play('okx')
    const names = Array.from({ length: 40 }, (_, n) => `A${n}-USDT`)
    played.demand(...[...names, 'FLOWS-USDT'].map((name) => `trades:okx:${name}`))
    let id = 0
    const flow = (ms: number, all: readonly string[]) =>
      played.wait(ms, () => {
        id += 1
        for (const name of all) played.trade(name, id)
      })
    flow(10 * SECOND, [...names, 'FLOWS-USDT'])
    played.newest = () => ({ ok: false, code: 'exchange_unavailable', detail: 'no answer' })
    played.fresh('send')
    flow(30 * MINUTE, ['FLOWS-USDT'])
    const asked = played.fresh('send').filter(({ frame }) => frame.includes('"subscribe"'))
    expect(asked.length).toBeGreaterThan(20)
    expect(asked.length).toBeLessThanOrEqual(30)
  })

  it('is not suspected for as long as its own pace allows', () => {
    const { played, flow } = market()
    for (let id = 2; id < 60; id++) {
      flow(5 * SECOND)
      played.trade('B-USDT', id)
    }
    const before = played.of('ask-newest').length
    flow(95 * SECOND)
    expect(played.of('ask-newest')).toHaveLength(before)
    flow(15 * SECOND)
    expect(played.of('ask-newest')).toHaveLength(before + 1)
  })

  it('is looked into one by one', () => {
    const played = new Play('okx')
    played.newest = () => null
    for (const n of [0, 1, 2, 3, 4]) played.demand(`trades:okx:A${n}-USDT`)
    played.demand('trades:okx:FLOWS-USDT')
    played.wait(30 * SECOND, () => played.trade('FLOWS-USDT', played.now))
    expect(played.of('ask-newest')).toHaveLength(1)
    // However long each answer takes, all of them have their turn.
    played.wait(6 * MINUTE, () => played.trade('FLOWS-USDT', played.now))
    expect(new Set(played.of('ask-newest').map(({ stream }) => stream)).size).toBe(5)
  })
})

describe('a socket of which everything is silent', () => {
  it('is replaced at once where REST has something newer', () => {
    const { played } = market()
    const { socket } = played
    for (let id = 2; id < 40; id++)
      played.wait(SECOND, () => ['A-USDT', 'B-USDT'].map((name) => played.trade(name, id + 9)))
    played.newest = () => ({ ok: true, value: { what: 'trade', time: played.now - SECOND } })
    played.wait(25 * SECOND)
    expect(socket).toMatchObject({ state: 'closed', closeReason: 'silent' })
    for (const key of [B, 'trades:okx:A-USDT']) expect(played.told(key, 'stale')).toHaveLength(1)
  })

  it('is looked into by its liveliest stream, though each of them is thin', () => {
    const played = new Play('binance')
    const symbols = Array.from({ length: 60 }, (_, n) => `A${n}`)
    played.demand(...symbols.map((symbol) => `trades:binance:${symbol}-USDT`))
    const { socket } = played
    // Each stream once a minute: by itself none is suspected before 20 minutes.
    played.wait(5 * MINUTE, () => played.trade(`${symbols[(played.now / SECOND) % 60]}USDT`, played.now))
    played.newest = () => ({ ok: true, value: { what: 'trade', time: played.now - SECOND } })
    played.wait(25 * SECOND)
    expect(socket).toMatchObject({ state: 'closed', closeReason: 'silent' })
  })

  it.each(['okx', 'binance', 'bybit'] as const)('is left alone where nothing happens: a dead day on %s', (exchange) => {
    const { played } = market(exchange)
    const channels = ['ticker', 'bbo', 'candles', 'book'].map((channel) => `${channel}:${exchange}:A-USDT`)
    played.demand(`${channels[0]}`, `${channels[1]}`, `${channels[2]}:1m`, `${channels[3]}:20`)
    const snapshot = { kind: 'snapshot', from: -1, to: 1, bids: [['9', '1']], asks: [['11', '1']] } as const
    for (const socket of played.open) {
      if (exchange === 'okx') {
        played.frame(okxBook('A-USDT', snapshot), socket)
        const best = { asks: [['11', '1', '0', '1']], bids: [['9', '1', '0', '1']], ts: '1000', seqId: 1 }
        played.frame(okx('bbo-tbt', 'A-USDT', [best]), socket)
      }
      if (exchange === 'bybit') {
        const book = bybitBook('AUSDT', snapshot)
        for (const frame of [book, book.replace('orderbook.1000', 'orderbook.1')]) played.frame(frame, socket)
      }
    }
    played.wait(DAY)
    // One rotation on Binance; the two paths of OKX.
    expect(played.sockets.size).toBeLessThanOrEqual(2)
    expect(played.of('ask-newest').length).toBeLessThan(6 * 40)
    expect(played.status).toMatchObject({ state: 'live', stale: [], reconnects: 0 })
  })

  it('is replaced where REST does not answer, ever less often', () => {
    const { played } = market()
    played.newest = () => ({ ok: false, code: 'exchange_unavailable', detail: 'no answer' })
    played.wait(MINUTE)
    expect(played.sockets.size).toBe(3)
    expect(played.told(B, 'stale').length).toBeGreaterThan(0)
    played.wait(DAY)
    expect(played.sockets.size).toBeLessThan(40)
  })

  it('is replaced where the answer never comes', () => {
    const { played } = market()
    played.newest = () => null
    played.wait(5 * MINUTE)
    expect(played.sockets.size).toBeGreaterThan(1)
  })
})

describe('what is silent by its nature', () => {
  it('are funding rates, which come twice a minute: the mark price between them is no answer for them', () => {
    const played = new Play('okx')
    played.newest = () => ({ ok: true, value: { what: 'trade', time: played.now } })
    played.demand('funding:okx:BTC-USDT-PERP')
    const swap = 'BTC-USDT-SWAP'
    played.wait(HOUR, () => {
      const ts = String(played.now)
      if (played.now % MINUTE === 0) {
        const rate = { fundingRate: '0.0001', fundingTime: ts, nextFundingTime: ts, instId: swap, instType: 'SWAP', ts }
        played.frame(okx('funding-rate', swap, [rate]))
      }
      played.frame(okx('mark-price', swap, [{ instId: swap, instType: 'SWAP', markPx: '100', ts }]))
    })
    expect(played.sockets.size).toBe(1)
    expect(played.of('ask-newest')).toEqual([])
    expect(played.told('funding:okx:BTC-USDT-PERP', 'stale')).toEqual([])
    expect(played.status.quiet).toEqual(['index-tickers:BTC-USDT'])
  })

  it('are mark prices never: a socket of nothing else that is silent is dead', () => {
    const played = new Play('binance')
    played.demand('funding:binance:BTC-USDT-PERP')
    const mark = () => ({ e: 'markPriceUpdate', E: played.now, s: 'BTCUSDT', p: '1', i: '1', r: '0', T: 1 })
    played.wait(MINUTE, () => played.frame(binance('btcusdt@markPrice@1s', mark())))
    const { socket } = played
    played.wait(2 * MINUTE)
    expect(socket).toMatchObject({ state: 'closed', closeReason: 'silent' })
    played.wait(DAY)
    expect(played.sockets.size).toBeLessThan(40)
  })

  it('are mark prices never: the stream that dies beside others is stale, and asked for again', () => {
    const played = new Play('binance')
    const [funding, trades] = ['funding:binance:BTC-USDT-PERP', 'trades:binance:BTC-USDT-PERP']
    played.demand(funding ?? '', trades ?? '')
    const mark = () => ({ e: 'markPriceUpdate', E: played.now, s: 'BTCUSDT', p: '1', i: '1', r: '0', T: 1 })
    const flow = (ms: number) => played.wait(ms, () => played.trade('BTCUSDT', played.now))
    played.wait(MINUTE, () => {
      played.frame(binance('btcusdt@markPrice@1s', mark()))
      played.trade('BTCUSDT', played.now)
    })
    played.fresh('send')
    flow(118 * SECOND)
    expect(played.status).toMatchObject({ state: 'live', quiet: [], stale: [] })
    flow(20 * SECOND)
    expect(played.told(funding ?? '', 'stale')).toHaveLength(1)
    expect(played.told(trades ?? '', 'stale')).toEqual([])
    expect(played.status).toMatchObject({ state: 'stale', stale: ['btcusdt@markPrice@1s'] })
    const asked = played.fresh('send').map(({ frame }) => JSON.parse(frame))
    expect(asked.map(({ method, params }) => [method, params])).toEqual([
      ['UNSUBSCRIBE', ['btcusdt@markPrice@1s']],
      ['SUBSCRIBE', ['btcusdt@markPrice@1s']],
    ])
    played.frame(binance('btcusdt@markPrice@1s', mark()))
    flow(SECOND)
    expect(played.status).toMatchObject({ state: 'live', stale: [] })
  })

  it('are candles of a day: they are judged by when they were last heard', () => {
    const played = new Play('okx')
    played.demand('candles:okx:A-USDT:1d')
    const lastTrade = played.now + 5 * SECOND
    played.newest = () => ({ ok: true, value: { what: 'trade', time: lastTrade } })
    const row = [String(played.now), '1', '1', '1', '1', '1', '1', '1', '0']
    played.wait(5 * SECOND, () => played.frame(okx('candle1Dutc', 'A-USDT', [row])))
    played.wait(HOUR)
    expect(played.told('candles:okx:A-USDT:1d', 'stale')).toEqual([])
    expect(played.sockets.size).toBe(1)
  })
})

describe('books', () => {
  /** A book beside trades that flow; REST has these levels of it from now on. */
  const beside = (exchange: 'binance' | 'okx', newest: () => ReturnType<typeof newestBook>) => {
    const played = new Play(exchange)
    const key = `book:${exchange}:A-USDT:5`
    played.demand(key, `trades:${exchange}:FLOWS-USDT`)
    const levels = { bids: [['9', '1']], asks: [['11', '1']] } as const
    const carrier = played.open.find(({ subscribed }) => [...subscribed].some((name) => /depth|books/.test(name)))
    if (exchange === 'okx') played.frame(okxBook('A-USDT', { kind: 'snapshot', from: -1, to: 1, ...levels }), carrier)
    else {
      played.frame(binanceBook('AUSDT', { kind: 'update', from: 9, to: 10, ...levels }), carrier)
      snapshot(played, 10)
    }
    played.newest = ({ what }) => (what === 'book' ? newest() : { ok: true, value: { what, time: null } })
    let id = 0
    const flow = (ms: number) =>
      played.wait(ms, () => {
        id += 1
        for (const socket of played.open) {
          if ([...socket.subscribed].some((name) => /trade/i.test(name)))
            played.trade(played.instrument('FLOWS-USDT').exchangeSymbol, id, socket)
        }
      })
    return { played, key, flow }
  }

  it.each([
    ['okx', 'the size of a level', () => newestBook('9', '11', '2'), 1],
    ['okx', 'nothing', () => newestBook('9', '11'), 0],
    // Counters of REST that the stream does not share say nothing.
    ['okx', 'nothing but a counter', () => newestBook('9', '11', '1', 99), 0],
    ['binance', 'the size of a level', () => newestBook('9', '11', '2'), 1],
    ['binance', 'a level that is not among the best', () => newestBook('9', '11', '1', 11), 1],
    ['binance', 'nothing by its counter', () => newestBook('9', '11', '1', 10), 0],
    ['binance', 'levels, counted anew', () => newestBook('9', '12', '1', 3), 1],
  ] as const)('of %s are stale within a minute where REST has changed %s', (exchange, _, newest, told) => {
    const { played, key, flow } = beside(exchange, newest)
    flow(MINUTE)
    expect(Math.min(1, played.told(key, 'stale').length)).toBe(told)
    expect(played.status.quiet).toHaveLength(1 - told)
  })

  it('have a moment to bring what REST has just got', () => {
    const { played, key, flow } = beside('okx', () => newestBook('9', '11', '2'))
    flow(12 * SECOND)
    const carrier = played.open.find(({ subscribed }) => subscribed.has('books:A-USDT'))
    played.frame(
      okxBook('A-USDT', { kind: 'update', from: 1, to: 2, bids: [['9', '2']], asks: [['11', '2']] }),
      carrier,
    )
    flow(5 * SECOND)
    expect(played.told(key, 'stale')).toEqual([])
  })

  it('are compared by their best prices', () => {
    const played = new Play('okx')
    played.demand('book:okx:A-USDT:5')
    played.frame(okxBook('A-USDT', { kind: 'snapshot', from: -1, to: 1, bids: [['9', '1']], asks: [['11', '1']] }))
    played.newest = () => newestBook('9', '11')
    played.wait(15 * SECOND)
    expect(played.status.quiet).toEqual(['books:A-USDT'])
    played.newest = () => newestBook('9', '10')
    played.wait(30 * SECOND)
    expect(played.told('book:okx:A-USDT:5').map(({ type }) => type)).toEqual(['stale', 'resync'])
  })
})

it('a trade that was recovered over REST is not missing from the stream', () => {
  const { played } = market()
  const tradedAt = played.now + 100
  played.drop()
  played.wait(3 * SECOND)
  played.newest = () => ({ ok: true, value: { what: 'trade', time: tradedAt } })
  played.wait(HOUR)
  expect(played.told(B, 'stale')).toEqual([])
  expect(played.sockets.size).toBe(2)
})

it('a stream is not taken for alive because another one says the same', () => {
  const played = new Play('okx')
  played.demand('ticker:okx:A-USDT', 'bbo:okx:A-USDT')
  const ticker = () => ({ instType: 'SPOT', instId: 'A-USDT', last: '1', ts: String(played.now), ...summary })
  const summary = { askPx: '2', askSz: '1', bidPx: '1', bidSz: '1', open24h: '1', high24h: '1', low24h: '1' }
  played.wait(12 * SECOND, () => played.frame(okx('tickers', 'A-USDT', [{ ...ticker(), volCcy24h: '1', vol24h: '1' }])))
  expect(played.told('ticker:okx:A-USDT', 'ticker')).toHaveLength(12)
  expect(played.told('bbo:okx:A-USDT')).toEqual([])
  expect(played.of('ask-newest').map(({ stream }) => stream)).toEqual(['public/bbo-tbt:A-USDT'])
})
