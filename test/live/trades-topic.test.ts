import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { Trade } from '../../src/domain/trade.ts'
import { connectors } from '../../src/exchanges/registry.ts'
import { MINUTE, Play, playedInstrument, SECOND, START } from './session.ts'

const TRADES = 'trades:okx:BTC-USDT'

function trade(id: number | string, exchangeTime: number): Trade {
  const [price, size] = [decimal('100'), decimal('1')]
  return { exchangeSymbol: 'BTC-USDT', id: String(id), price, size, side: 'buy', exchangeTime }
}

/** Trades 1 to 3 were told, then the socket was lost and another one opened, that stays silent for a while. */
function reconnected(exchange: 'okx' | 'bybit' = 'okx'): Play {
  const played = new Play(exchange)
  played.demand(`trades:${exchange}:BTC-USDT`)
  for (const id of [1, 2, 3]) played.trade(played.instrument('BTC-USDT').exchangeSymbol, id)
  played.drop()
  played.wait(8 * SECOND)
  return played
}

/** REST's answer to the oldest question that was not answered. */
function answer(played: Play, trades: readonly Trade[], isComplete = true): void {
  const question = played.fresh('ask-trades')[0]
  if (question === undefined) throw new Error('nothing was asked')
  const { hole, instrument } = question
  played.take({
    kind: 'trades',
    instrumentId: instrument.id,
    hole,
    answer: { ok: true, value: { trades, isComplete } },
  })
}

describe('trades over a lost socket', () => {
  it('are asked of REST once, and told in order', () => {
    const played = reconnected()
    expect(played.of('ask-trades')).toMatchObject([{ hole: { afterId: '3', beforeId: null } }])
    played.trade('BTC-USDT', 6)
    played.trade('BTC-USDT', 7)
    expect(played.ids(TRADES)).toEqual([1, 2, 3])
    answer(
      played,
      [4, 5, 6].map((id) => trade(id, played.now)),
    )
    expect(played.ids(TRADES)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(played.told(TRADES, 'gap')).toEqual([])
    expect(played.of('store-trade').map(({ trade: { seq } }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(played.of('ask-trades')).toHaveLength(1)
  })

  it('that REST has only some of are told as a gap, and stored as one', () => {
    const played = reconnected()
    played.trade('BTC-USDT', 6)
    answer(played, [trade(5, played.now)], false)
    expect(played.ids(TRADES)).toEqual([1, 2, 3, 5, 6])
    const [gap] = played.told(TRADES, 'gap')
    expect(gap?.data).toMatchObject({ afterId: '3', beforeId: '5', reason: 'trades_missing' })
    const { from, to } = { ...gap?.data }
    // Half-open: from the trade before it to the one after it, which may not be the only one of its moment.
    const times = played.of('store-trade').map((stored) => stored.trade.exchangeTime)
    expect([from, to]).toEqual([times[2], Number(times[3]) + 1])
    expect(played.of('store-trade-gap')).toMatchObject([{ gap: { from, to, reason: 'trades_missing' } }])
    expect(played.status.gaps).toBe(1)
    // The gap stands where the trades are missing.
    const order = played.told(TRADES).map(({ type, data }) => (type === 'gap' ? 'gap' : data['id']))
    expect(order).toEqual(['1', '2', '3', 'gap', '5', '6'])
    const messages = played.told(TRADES)
    for (const [n, { seq, prevSeq }] of messages.entries()) expect([seq, prevSeq]).toEqual([n + 1, n])
  })

  it('are a gap where REST does not answer', () => {
    const played = reconnected()
    played.trade('BTC-USDT', 6)
    const question = played.fresh('ask-trades')[0]
    if (question === undefined) throw new Error('nothing was asked')
    const { hole, instrument } = question
    const refusal = { ok: false, code: 'rate_limited', detail: 'too many' } as const
    played.take({ kind: 'trades', instrumentId: instrument.id, hole, answer: refusal })
    expect(played.told(TRADES, 'gap')).toHaveLength(1)
    expect(played.ids(TRADES)).toEqual([1, 2, 3, 6])
  })

  it('are waited for no longer than is good', () => {
    const played = reconnected()
    played.trade('BTC-USDT', 6)
    played.wait(12 * SECOND)
    expect(played.ids(TRADES)).toEqual([1, 2, 3, 6])
    expect(played.told(TRADES, 'gap')).toHaveLength(1)
  })

  it('of Bybit join where the most recent ones of REST overlap', () => {
    const played = reconnected('bybit')
    played.trade('BTCUSDT', 6)
    answer(
      played,
      [2, 3, 4, 5, 6].map((id) => ({ ...trade(`t${id}`, played.now - 1_000 + id), exchangeSymbol: 'BTCUSDT' })),
    )
    expect(played.ids('trades:bybit:BTC-USDT')).toEqual([1, 2, 3, 4, 5, 6])
    expect(played.told('trades:bybit:BTC-USDT', 'gap')).toEqual([])
  })
})

describe('after a reconnect of many topics', () => {
  const symbols = Array.from({ length: 20 }, (_, n) => `A${n}-USDT`)

  function reconnectedAll(exchange: 'okx' | 'bybit'): Play {
    const played = new Play(exchange)
    played.demand(...symbols.map((symbol) => `trades:${exchange}:${symbol}`))
    const tradeAll = (id: number) => {
      for (const symbol of symbols) played.trade(played.instrument(symbol).exchangeSymbol, id)
    }
    tradeAll(1)
    played.drop()
    played.wait(2 * SECOND)
    if (exchange === 'okx') tradeAll(2)
    return played
  }

  it('REST is asked nothing where ids show that nothing is missing', () => {
    const played = reconnectedAll('okx')
    played.wait(MINUTE)
    expect(played.of('ask-trades')).toEqual([])
  })

  it('REST is asked for one after another where only it can tell', () => {
    const played = reconnectedAll('bybit')
    const before = played.of('ask-trades').length
    expect(before).toBeLessThanOrEqual(3)
    played.wait(5 * SECOND)
    expect(played.of('ask-trades')).toHaveLength(before + 5)
    played.wait(20 * SECOND)
    expect(new Set(played.of('ask-trades').map(({ instrument }) => instrument.id)).size).toBe(20)
  })
})

it('an unreadable frame is noticed by the next trade', () => {
  const played = new Play('okx')
  played.demand(TRADES)
  played.trade('BTC-USDT', 1)
  played.frame('{"arg":{"channel":"trades-all","instId":"BTC-USDT"},"data":[{"instId":"BTC-U')
  expect(played.status.invalidFrames).toBe(1)
  played.trade('BTC-USDT', 3)
  expect(played.of('ask-trades')).toMatchObject([{ hole: { afterId: '1', beforeId: '3' } }])
})

it('a socket of which little can be read is given up', () => {
  const played = new Play('okx')
  played.demand(TRADES)
  const { socket } = played
  for (let n = 0; n < 6; n++) played.frame('{')
  expect(socket.closeReason).toContain('unreadable')
  const calm = new Play('okx')
  calm.demand(TRADES)
  calm.wait(5 * MINUTE, () => calm.frame(calm.now % (3 * SECOND) === 0 ? '{' : 'pong'))
  expect(calm.sockets.size).toBe(1)
})

it('a stream of which little can be read costs only itself', () => {
  const played = new Play('binance')
  played.demand('trades:binance:A-USDT', 'bbo:binance:B-USDT')
  const broken = JSON.stringify({
    stream: 'busdt@bookTicker',
    data: { u: 1, s: 'BUSDT', b: null, B: '1', a: '2', A: '1' },
  })
  let id = 0
  played.wait(10 * MINUTE, () => {
    played.trade('AUSDT', ++id)
    if (played.socket.subscribed.has('busdt@bookTicker')) played.frame(broken)
  })
  expect(played.status).toMatchObject({ reconnects: 0, rejected: [{ topic: 'busdt@bookTicker' }] })
  expect(played.told('bbo:binance:B-USDT', 'gap')).toHaveLength(1)
  expect(played.of('ask-trades')).toEqual([])
  expect(played.status.invalidFrames).toBeLessThan(60)
})

it.each([
  ['okx', '{"arg":{"channel":"tickers","instId":"B-USDT"},"data":[{"last":1}]}', 'tickers:B-USDT'],
  ['bybit', '{"topic":"tickers.BUSDT","type":"snapshot","data":[]}', 'tickers.BUSDT'],
  ['coinbase', '{"type":"ticker","product_id":"B-USD","sequence":1,"price":"x"}', 'ticker:B-USD'],
] as const)('%s says of which stream a frame is that cannot be read', (exchange, frame, stream) => {
  expect(connectors[exchange].stream.decode(frame, 'spot')).toMatchObject({ kind: 'invalid', stream })
})

it('a feed that is started anew asks for what it has missed since its mark', () => {
  const before = new Play('okx')
  before.demand(TRADES)
  before.trade('BTC-USDT', 1)
  before.trade('BTC-USDT', 2)
  const marks = before.session.checkpoint()
  const after = new Play('okx', { marks: JSON.parse(JSON.stringify(marks)) })
  after.wait(MINUTE)
  after.demand(TRADES)
  after.wait(10 * SECOND)
  expect(after.of('ask-trades')).toMatchObject([{ hole: { afterId: '2', beforeId: null } }])
  after.trade('BTC-USDT', 4)
  answer(after, [trade(3, after.now)])
  expect(after.ids(TRADES)).toEqual([3, 4])
})

it('a feed that is started anew publishes again what was not stored', () => {
  const before = new Play('okx')
  before.demand(TRADES)
  for (const id of [1, 2, 3, 4]) before.trade('BTC-USDT', id)
  const { id: instrumentId } = before.instrument('BTC-USDT')
  const markOf = (id: string, exchangeTime: number) => ({ id, exchangeTime, recentIds: [id] })
  const stored = before.session.checkpoint(() => markOf('2', before.now))
  expect(stored.trades[instrumentId]).toEqual({ ...markOf('2', before.now), recentIds: [] })
  // Nothing is stored yet, or only what an earlier topic has heard: it goes on from where this one began.
  expect(before.session.checkpoint(() => null).trades[instrumentId]).toMatchObject({ id: '1' })
  expect(before.session.checkpoint(() => markOf('0', START - MINUTE)).trades[instrumentId]).toMatchObject({ id: '1' })
  const after = new Play('okx', { marks: stored })
  after.demand(TRADES)
  after.wait(2 * SECOND)
  after.trade('BTC-USDT', 5)
  answer(after, [trade(3, after.now), trade(4, after.now)])
  expect(after.of('store-trade').map(({ trade: { id } }) => id)).toEqual(['3', '4', '5'])
  expect(after.session.checkpoint(() => null)).toEqual(stored)
})

it('what ended is not gone on with: one who comes later does not get what was missed meanwhile', () => {
  const { id } = playedInstrument('okx', 'BTC-USDT')
  const marks = { trades: { [id]: { id: '0', exchangeTime: START, recentIds: [] } }, candles: {} }
  const played = new Play('okx', { marks })
  played.demand(TRADES)
  played.trade('BTC-USDT', 1)
  played.release(TRADES)
  played.wait(2 * MINUTE)
  expect(played.of('end-trades')).toHaveLength(1)
  expect(played.session.checkpoint().trades).toEqual({})
  played.fresh('ask-trades')
  played.demand(TRADES)
  played.trade('BTC-USDT', 100)
  expect(played.fresh('ask-trades')).toEqual([])
  expect(played.ids(TRADES)).toEqual([1, 100])
})

it('a mark that nobody takes up is dropped after a while', () => {
  const marks = { trades: { 9: { id: '1', exchangeTime: 1, recentIds: [] } }, candles: {} }
  const played = new Play('okx', { marks })
  expect(played.session.checkpoint()).toEqual(marks)
  played.wait(11 * MINUTE)
  expect(played.session.checkpoint()).toEqual({ trades: {}, candles: {} })
})
