import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { Trade } from '../../src/domain/trade.ts'
import { DAY, HOUR, MINUTE, Play, SECOND, START, topicOf } from './session.ts'
import { binance, binanceCandle, okx } from './session-exchange.ts'

const TRADES = 'trades:okx:BTC-USDT'

describe('what is streamed', () => {
  it('is what clients ask for; it ends a while after the last one has left', () => {
    const played = new Play('okx')
    played.demand(TRADES)
    played.trade('BTC-USDT', 1)
    played.release(TRADES)
    played.wait(59 * SECOND)
    expect(played.status.topics).toBe(1)
    played.wait(3 * SECOND)
    expect(played.open).toEqual([])
    expect(played.status).toMatchObject({ topics: 0, sockets: [] })
    expect(played.of('end-trades')).toHaveLength(1)
  })

  it('goes on for one who comes back in time', () => {
    const played = new Play('okx')
    played.demand(TRADES)
    played.trade('BTC-USDT', 1)
    played.release(TRADES)
    played.wait(50 * SECOND)
    played.demand(TRADES)
    played.wait(5 * MINUTE)
    played.trade('BTC-USDT', 2)
    expect(played.ids(TRADES)).toEqual([1, 2])
    expect(played.told(TRADES).map(({ seq }) => seq)).toEqual([1, 2])
    expect(played.sockets.size).toBe(1)
  })

  it('is unsubscribed where others share the socket', () => {
    const played = new Play('okx')
    played.demand(TRADES, 'trades:okx:ETH-USDT')
    played.release(TRADES)
    played.wait(62 * SECOND)
    expect([...played.socket.subscribed]).toEqual(['trades-all:ETH-USDT'])
  })

  it('is shared where several topics come by one stream', () => {
    const played = new Play('bybit')
    const [ticker, funding] = ['ticker:bybit:BTC-USDT-PERP', 'funding:bybit:BTC-USDT-PERP']
    played.demand(ticker ?? '', funding ?? '')
    expect([...played.socket.subscribed]).toEqual(['tickers.BTCUSDT'])
    played.release(ticker ?? '')
    played.wait(62 * SECOND)
    expect([...played.socket.subscribed]).toEqual(['tickers.BTCUSDT'])
  })

  it('is also what is recorded, without anybody asking, until it no longer is', () => {
    const played = new Play('okx')
    const instrument = played.instrument('BTC-USDT')
    played.take({ kind: 'record', instruments: [{ instrument, intervals: ['1m', '1h'] }] })
    played.wait(SECOND)
    const names = () => played.open.flatMap(({ subscribed }) => [...subscribed])
    expect(names()).toEqual(['trades-all:BTC-USDT', 'candle1m:BTC-USDT', 'candle1H:BTC-USDT'])
    played.trade('BTC-USDT', 1)
    expect(played.of('store-trade')).toHaveLength(1)
    expect(played.of('publish').filter(({ key }) => key === TRADES)).toEqual([])
    played.demand(TRADES)
    expect(played.session.state(topicOf(TRADES), played.now)).toEqual({ seq: 1, message: null })
    played.take({ kind: 'record', instruments: [{ instrument, intervals: ['1h'] }] })
    played.wait(SECOND)
    expect(names()).toEqual(['trades-all:BTC-USDT', 'candle1H:BTC-USDT'])
    played.take({ kind: 'record', instruments: [] })
    played.wait(SECOND)
    expect(names()).toEqual(['trades-all:BTC-USDT'])
  })

  it('is refused where the exchange does not have it', () => {
    const played = new Play('coinbase')
    const topic = topicOf('funding:coinbase:BTC-USD')
    expect(played.session.offers(topic, played.instrument('BTC-USD'))).toBe(false)
    expect(() => played.demand('funding:coinbase:BTC-USD')).toThrow('does not stream funding')
  })

  it('is in base units, whatever the exchange counts', () => {
    const played = new Play('okx')
    played.demand('trades:okx:BTC-USDT-PERP')
    played.trade('BTC-USDT-SWAP', 1)
    expect(played.told('trades:okx:BTC-USDT-PERP')[0]?.data).toMatchObject({ size: '0.01' })
  })
})

it('funding is put together from streams with clocks of their own', () => {
  const played = new Play('okx')
  const [key, swap] = ['funding:okx:BTC-USDT-PERP', 'BTC-USDT-SWAP']
  played.demand(key)
  played.frame(okx('mark-price', swap, [{ instId: swap, instType: 'SWAP', markPx: '100', ts: String(played.now) }]))
  const ts = String(played.now - 60_000)
  const rate = { fundingRate: '0.0001', fundingTime: ts, nextFundingTime: ts, instId: swap, instType: 'SWAP', ts }
  played.frame(okx('funding-rate', swap, [rate]))
  played.frame(okx('index-tickers', 'BTC-USDT', [{ instId: 'BTC-USDT', idxPx: '99', ts: String(played.now - 10) }]))
  expect(played.told(key).at(-1)?.data).toMatchObject({ markPrice: '100', rate: '0.0001', indexPrice: '99' })
})

describe('liquidations', () => {
  const [key, swap] = ['liquidations:okx:BTC-USDT-PERP', 'BTC-USDT-SWAP']
  const NOTICE = '{"event":"notice","code":"64008","msg":"The connection will soon be closed.","connId":"c"}'
  const liquidation = (time: number) => {
    const details = [{ bkLoss: '0', bkPx: '100', ccy: '', posSide: 'long', side: 'sell', sz: '1', ts: String(time) }]
    const data = [{ details, instFamily: 'BTC-USDT', instId: swap, instType: 'SWAP', uly: 'BTC-USDT' }]
    return JSON.stringify({ arg: { channel: 'liquidation-orders', instType: 'SWAP' }, data })
  }
  const gaps = (played: Play) => played.told(key, 'gap').map(({ data: { from, to } }) => [from, to])

  it('that both sockets bring are told once, and two that are alike twice', () => {
    const played = new Play('okx')
    played.demand(key)
    const frame = liquidation(played.now)
    played.frame(NOTICE)
    const [old, young] = played.open
    if (old === undefined || young === undefined) throw new Error('there is one socket')
    for (const socket of [old, young, old]) played.frame(frame, socket)
    expect(played.told(key, 'liquidation')).toHaveLength(2)
    played.wait(2 * MINUTE)
    expect(played.open).toEqual([young])
    expect(gaps(played)).toEqual([])
  })

  it('may be missing from the newest on, or from the subscription, until they are delivered again', () => {
    const played = new Play('okx')
    played.demand(key)
    const subscribedAt = played.now
    played.wait(MINUTE)
    played.isHelpful = false
    played.drop()
    played.wait(MINUTE)
    expect(gaps(played)).toEqual([])
    played.isHelpful = true
    const { sent, subscribed } = played.openNext()
    for (const { frame } of sent) for (const text of played.protocol.answer(frame, subscribed)) played.frame(text)
    const [first, second] = [played.now, played.now + 30 * SECOND]
    expect(gaps(played)).toEqual([[subscribedAt, first]])
    played.wait(MINUTE)
    played.frame(liquidation(second))
    played.drop()
    played.wait(5 * SECOND)
    expect(gaps(played).at(-1)).toEqual([second, expect.closeTo(second + 32 * SECOND, -4)])
    const { to } = played.told(key, 'gap').at(-1)?.data ?? {}
    played.frame('{"arg":{"channel":"liquidation-ord')
    expect(gaps(played).slice(2)).toEqual([[to, played.now]])
    expect(played.status.gaps).toBe(3)
  })
})

describe('a frame of the future', () => {
  it('is left out and counted: the candles go on', () => {
    const key = 'candles:binance:BTC-USDT:1m'
    const played = new Play('binance')
    played.demand(key)
    const hear = (openTime: number, closed: boolean) =>
      played.frame(binanceCandle('BTCUSDT', '1m', { openTime, closed, second: closed ? 60 : 0 }))
    hear(START, false)
    hear(START + 10 * 365 * DAY, false)
    expect(played.status).toMatchObject({ invalidFrames: 1, lastError: expect.stringContaining('future, 2035-') })
    played.wait(MINUTE)
    hear(START, true)
    // The clock of the exchange may be ahead a little.
    hear(START + 2 * MINUTE, false)
    hear(START + 3 * MINUTE, false)
    expect(played.told(key).map(({ data }) => data['closed'])).toEqual([false, true])
    expect(played.status.invalidFrames).toBe(2)
    expect(played.sockets.size).toBe(1)
  })

  it('leaves a doubt among trades, which REST does not end with the same', () => {
    const key = 'trades:bybit:BTC-USDT'
    const played = new Play('bybit')
    played.demand(key)
    played.trade('BTCUSDT', 1)
    const far = START + 10 * 365 * DAY
    played.frame(played.protocol.trade('BTCUSDT', 2, far))
    played.wait(SECOND)
    const [question] = played.of('ask-trades')
    if (question === undefined) throw new Error('nothing was asked')
    const { hole, instrument } = question
    played.trade('BTCUSDT', 3)
    const [price, size, exchangeSymbol] = [decimal('1'), decimal('1'), 'BTCUSDT']
    const trades = [1, 2, 3].map((id): Trade => {
      const exchangeTime = id === 2 ? far : START + (id - 1) * 500
      return { id: `t${id}`, price, size, side: null, exchangeSymbol, exchangeTime }
    })
    const answer = { ok: true, value: { trades, isComplete: true } } as const
    played.take({ kind: 'trades', instrumentId: instrument.id, hole, answer })
    for (let id = 4; id < 5_100; id++) {
      played.now += 10
      played.trade('BTCUSDT', id)
    }
    expect(played.ids(key)).toHaveLength(5_098)
  })

  it('is not believed to be a heartbeat either', () => {
    const played = new Play('coinbase')
    played.demand('trades:coinbase:BTC-USD')
    const beat = { type: 'heartbeat', last_trade_id: 1, product_id: 'BTC-USD', sequence: 1 }
    played.frame(JSON.stringify({ ...beat, time: new Date(START + HOUR).toISOString() }))
    expect(played.status.invalidFrames).toBe(1)
  })
})

describe('clients of an exchange that is away', () => {
  const keys = ['ticker', 'bbo', 'trades', 'book'].map((channel) => `${channel}:binance:BTC-USDT`)
  const candles = 'candles:binance:BTC-USDT:1m'
  const all = [...keys.slice(0, 3), `${keys[3]}:5`, candles]
  const outage = (played: Play, key: string) => played.session.outage(topicOf(key), played.now)
  const staleOf = (played: Play) => all.map((key) => played.told(key, 'stale').length)
  const bbo = () => binance('btcusdt@bookTicker', { u: 1, s: 'BTCUSDT', b: '1', B: '1', a: '2', A: '1' })

  it('are told once, after 10 s, and so is one who comes then, until there are data', () => {
    const played = new Play('binance')
    played.demand(...all)
    played.frame(bbo())
    played.isHelpful = false
    played.drop()
    const refuse = () => {
      if (played.isConnecting) played.refuse()
    }
    played.wait(9 * SECOND, refuse)
    expect(staleOf(played)).toEqual([0, 0, 0, 0, 0])
    played.wait(10 * MINUTE, refuse)
    expect(staleOf(played)).toEqual([1, 1, 1, 1, 1])
    const { seq } = played.session.state(topicOf('bbo:binance:BTC-USDT'), played.now)
    expect(JSON.parse(outage(played, 'bbo:binance:BTC-USDT') ?? '')).toMatchObject({ type: 'stale', seq, prevSeq: seq })
    played.isHelpful = true
    played.wait(40 * SECOND)
    expect(outage(played, 'bbo:binance:BTC-USDT')).not.toBeNull()
    // Trades show nothing old.
    expect(outage(played, 'trades:binance:BTC-USDT')).toBeNull()
    played.frame(bbo())
    expect(outage(played, 'bbo:binance:BTC-USDT')).toBeNull()
    expect(staleOf(played)).toEqual([1, 1, 1, 1, 1])
  })

  it('are not told of what another socket takes up in time', () => {
    const played = new Play('binance')
    played.demand(...all)
    played.drop()
    played.wait(5 * MINUTE)
    expect(staleOf(played)).toEqual([0, 0, 0, 0, 0])
  })

  it('are told at once where the feed is stopped, or the region is not served', () => {
    const stopped = new Play('binance')
    stopped.demand(...all)
    stopped.take({ kind: 'stop' })
    expect(staleOf(stopped)).toEqual([1, 1, 1, 1, 1])
    const blocked = new Play('binance', { isHelpful: false })
    blocked.demand(...all)
    blocked.refuse(451)
    expect(staleOf(blocked)).toEqual([1, 1, 1, 1, 1])
  })

  it('are told of candles that are built from trades as of the trades', () => {
    const played = new Play('coinbase')
    played.demand('candles:coinbase:BTC-USD:1m')
    played.take({ kind: 'stop' })
    expect(played.told('candles:coinbase:BTC-USD:1m', 'stale')).toHaveLength(1)
  })
})

describe('the status', () => {
  it('is told where it changes, and counts', () => {
    const played = new Play('okx', { isHelpful: false })
    played.demand(TRADES)
    played.wait(SECOND)
    expect(played.status).toMatchObject({
      state: 'connecting',
      sockets: [{ endpoint: 'business', state: 'connecting' }],
    })
    played.isHelpful = true
    const socket = played.openNext()
    played.wait(20 * SECOND, () => played.trade('BTC-USDT', played.now / SECOND, socket))
    expect(played.status).toMatchObject({ state: 'live', messagesPerSecond: 1, dataAgeMs: 0, topics: 1 })
    played.drop()
    expect(played.status).toMatchObject({ state: 'connecting', reconnects: 1, lastError: 'business: gone' })
    expect(played.status.sockets).toMatchObject([{ state: 'waiting', topics: 1 }])
    const states = played.told('status:okx').map(({ data }) => data['state'])
    expect(states).toEqual(['live', 'connecting', 'live', 'connecting'])
  })

  it('counts no messages once it is stopped, though its clock stands still', () => {
    const played = new Play('okx')
    played.demand(TRADES)
    played.wait(20 * SECOND, () => played.trade('BTC-USDT', played.now))
    expect(played.status.messagesPerSecond).toBe(1)
    played.take({ kind: 'stop' })
    expect(played.status.messagesPerSecond).toBe(0)
  })

  it('is stopped until it is started: no socket, no question; then what was missed is asked for', () => {
    const played = new Play('okx')
    played.demand(TRADES)
    played.trade('BTC-USDT', 1)
    played.take({ kind: 'stop' })
    expect(played.open).toEqual([])
    played.wait(MINUTE)
    expect(played.sockets.size).toBe(1)
    expect(played.status.state).toBe('stopped')
    played.take({ kind: 'start' })
    played.wait(6 * SECOND)
    expect(played.of('ask-trades')).toMatchObject([{ hole: { afterId: '1' } }])
    expect(played.status.state).toBe('live')
  })
})
