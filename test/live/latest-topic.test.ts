import { describe, expect, it } from 'vitest'
import { DAY, HOUR, MINUTE, Play, SECOND, topicOf } from './session.ts'
import { binance, okx } from './session-exchange.ts'

const BYBIT = 'ticker:bybit:BTC-USDT-PERP'
const WHOLE = {
  lastPrice: '100',
  prevPrice24h: '90',
  highPrice24h: '110',
  lowPrice24h: '80',
  volume24h: '5',
  turnover24h: '500',
}

function bybitTicker(type: 'snapshot' | 'delta', data: object): string {
  return JSON.stringify({ topic: 'tickers.BTCUSDT', type, ts: 1_000, cs: 1, data: { symbol: 'BTCUSDT', ...data } })
}

/** What the exchange was asked since this was last looked at. */
function operations(played: Play): string[] {
  return played
    .fresh('send')
    .map(({ frame }): string => (frame === 'ping' ? frame : JSON.parse(frame).op))
    .filter((op) => op !== 'ping')
}

describe('newest values of an exchange that sends what has changed', () => {
  it('are asked for whole where a change may have been in a frame that could not be read, at most once a minute', () => {
    const played = new Play('bybit')
    played.demand(BYBIT)
    played.frame(bybitTicker('snapshot', WHOLE))
    played.frame(bybitTicker('delta', { lastPrice: '101' }))
    operations(played)
    played.frame('{"topic":"tickers.BTCUSDT","type":"del')
    played.wait(SECOND)
    expect(operations(played)).toEqual(['unsubscribe', 'subscribe'])
    played.frame(bybitTicker('snapshot', { ...WHOLE, highPrice24h: '120' }))
    expect(played.told(BYBIT).at(-1)?.data).toMatchObject({ high: '120' })
    played.frame('{"topic":"tickers.BTCUSDT","type":"del')
    played.wait(SECOND)
    expect(operations(played)).toEqual([])
    played.wait(MINUTE, () => played.frame(bybitTicker('delta', { lastPrice: '102' })))
    played.frame('{"topic":"tickers.BTCUSDT","type":"del')
    played.wait(SECOND)
    expect(operations(played)).toEqual(['unsubscribe', 'subscribe'])
  })
})

describe('one that joins others at a stream that says how things stand only once', () => {
  const FUNDING = 'funding:bybit:BTC-USDT-PERP'
  const INTEREST = 'open-interest:bybit:BTC-USDT-PERP'
  const rates = { fundingRate: '0.0001', nextFundingTime: '1790000000000', markPrice: '100', indexPrice: '99' }
  const ALL = { ...WHOLE, ...rates, openInterest: '7', openInterestValue: '700' }

  it.each([
    [BYBIT, FUNDING],
    [FUNDING, BYBIT],
    [INTEREST, BYBIT],
    [BYBIT, INTEREST],
  ])('hears it again, and until then nothing in part: %s, then %s', (first, second) => {
    const played = new Play('bybit')
    played.demand(first)
    played.frame(bybitTicker('snapshot', ALL))
    played.wait(5 * SECOND, () => played.frame(bybitTicker('delta', { lastPrice: '101', markPrice: '101' })))
    operations(played)
    played.demand(second)
    expect(operations(played)).toEqual(['unsubscribe', 'subscribe'])
    played.frame(bybitTicker('delta', { lastPrice: '102', fundingRate: '0.0002' }))
    expect(played.told(second)).toEqual([])
    played.frame(bybitTicker('snapshot', { ...ALL, lastPrice: '103' }))
    played.frame(bybitTicker('delta', { markPrice: '104', lastPrice: '104' }))
    for (const { data } of played.told(second)) expect(Object.values(data)).not.toContain(null)
    expect(played.told(second).length).toBeGreaterThan(0)
  })

  it('asks once more where that was in a frame that could not be read', () => {
    const played = new Play('bybit')
    played.demand(BYBIT)
    played.frame('{"topic":"tickers.BTCUSDT","type":"snap')
    operations(played)
    played.wait(9 * SECOND, () => played.frame(bybitTicker('delta', { lastPrice: '101' })))
    expect(operations(played)).toEqual([])
    played.wait(5 * SECOND, () => played.frame(bybitTicker('delta', { lastPrice: '101' })))
    expect(operations(played)).toEqual(['unsubscribe', 'subscribe'])
    played.frame(bybitTicker('snapshot', ALL))
    expect(played.told(BYBIT).map(({ data }) => data['high'])).toEqual(['110'])
  })

  it('says of the open interest what it is worth, though a change leaves that out', () => {
    const played = new Play('bybit')
    played.demand(INTEREST)
    played.frame(bybitTicker('snapshot', ALL))
    played.frame(bybitTicker('delta', { openInterest: '8' }))
    expect(played.told(INTEREST).at(-1)?.data).toEqual({ openInterest: '8', value: '700' })
  })

  it('does not ask for what is still to come', () => {
    const played = new Play('bybit')
    played.demand(BYBIT, FUNDING, INTEREST)
    expect(operations(played)).toEqual(['subscribe'])
    played.frame(bybitTicker('snapshot', ALL))
    expect(played.told(FUNDING).at(-1)?.data).toMatchObject({ rate: '0.0001', markPrice: '100' })
  })
})

describe('what comes after an outage', () => {
  const NEW = { ...WHOLE, lastPrice: '200', prevPrice24h: '190', highPrice24h: '210', lowPrice24h: '180' }

  it('is not joined to what was heard before it: changes without the whole are nothing', () => {
    const played = new Play('bybit')
    played.demand(BYBIT)
    played.frame(bybitTicker('snapshot', WHOLE))
    played.drop()
    played.wait(2 * HOUR)
    operations(played)
    played.wait(8 * SECOND, () => played.frame(bybitTicker('delta', { lastPrice: '200' })))
    expect(operations(played)).toEqual([])
    played.wait(5 * SECOND, () => played.frame(bybitTicker('delta', { lastPrice: '200' })))
    expect(operations(played)).toEqual(['unsubscribe', 'subscribe'])
    expect(played.told(BYBIT, 'ticker')).toHaveLength(1)
    played.frame(bybitTicker('snapshot', NEW))
    played.frame(bybitTicker('delta', { lastPrice: '201' }))
    expect(played.told(BYBIT, 'ticker').at(-1)?.data).toMatchObject({ last: '201', open: '190', high: '210' })
  })

  it('is not joined to what the whole of now leaves out', () => {
    const played = new Play('bybit')
    const key = 'open-interest:bybit:BTC-USDT-PERP'
    played.demand(key)
    played.frame(bybitTicker('snapshot', { openInterest: '100', openInterestValue: '6000000' }))
    played.drop()
    played.wait(MINUTE)
    played.frame(bybitTicker('snapshot', { openInterest: '90' }))
    expect(played.told(key, 'open-interest').at(-1)?.data).toEqual({ openInterest: '90', value: null })
  })

  it('is not joined either where REST has shown that the stream is stale', () => {
    const played = new Play('bybit')
    played.demand(BYBIT, 'trades:bybit:ETH-USDT-PERP')
    const flow = (ms: number) => played.wait(ms, () => played.trade('ETHUSDT', played.now))
    played.frame(bybitTicker('snapshot', WHOLE))
    played.newest = () => ({ ok: true, value: { what: 'trade', time: played.now } })
    flow(15 * SECOND)
    expect(played.told(BYBIT).map(({ type }) => type)).toEqual(['ticker', 'stale'])
    played.frame(bybitTicker('delta', { lastPrice: '200' }))
    expect(played.told(BYBIT, 'ticker')).toHaveLength(1)
    played.frame(bybitTicker('snapshot', NEW))
    expect(played.told(BYBIT, 'ticker').at(-1)?.data).toMatchObject({ last: '200', open: '190' })
  })

  it('goes on where a younger socket has taken over', () => {
    const played = new Play('binance')
    const key = 'funding:binance:BTC-USDT-PERP'
    played.demand(key)
    const mark = () => {
      const payload = { e: 'markPriceUpdate', E: played.now, s: 'BTCUSDT', p: '1', i: '1', r: '0', T: 1 }
      for (const socket of played.open) played.frame(binance('btcusdt@markPrice@1s', payload), socket)
    }
    played.wait(DAY, mark)
    expect(played.sockets.size).toBe(2)
    expect(played.told(key).every(({ data }) => data['markPrice'] === '1')).toBe(true)
  })
})

describe('funding that comes by several streams', () => {
  const KEY = 'funding:okx:BTC-USDT-PERP'
  const instId = 'BTC-USDT-SWAP'
  const rate = (played: Play) => {
    const ts = String(played.now)
    const record = { instType: 'SWAP', instId, fundingRate: '0.0001', fundingTime: '9000', nextFundingTime: '9999', ts }
    played.frame(okx('funding-rate', instId, [record]))
  }
  const mark = (played: Play, markPx: string) =>
    played.frame(okx('mark-price', instId, [{ instType: 'SWAP', instId, markPx, ts: String(played.now) }]))
  const index = (played: Play) => {
    const record = { instId: 'BTC-USDT', idxPx: '99', high24h: '1', low24h: '1', open24h: '1', ts: String(played.now) }
    played.frame(okx('index-tickers', 'BTC-USDT', [record]))
  }

  it('has no rate of before an outage beside a mark price of after it', () => {
    const played = new Play('okx')
    played.demand(KEY)
    rate(played)
    mark(played, '100')
    expect(played.told(KEY).at(-1)?.data).toMatchObject({ rate: '0.0001', markPrice: '100' })
    played.drop()
    played.wait(2 * HOUR)
    mark(played, '200')
    expect(played.told(KEY).at(-1)?.data).toMatchObject({ rate: null, nextFundingTime: null, markPrice: '200' })
    rate(played)
    expect(played.told(KEY).at(-1)?.data).toMatchObject({ rate: '0.0001', nextFundingTime: 9000, markPrice: '200' })
  })

  it('goes on without what a stream has brought that is stale, and with all else', () => {
    const played = new Play('okx')
    played.demand(KEY)
    played.wait(2 * SECOND, () => index(played))
    const flow = (ms: number) =>
      played.wait(ms, () => {
        if (played.now % MINUTE === 0) rate(played)
        mark(played, '100')
      })
    flow(119 * SECOND)
    expect(played.told(KEY).at(-1)?.data).toMatchObject({ rate: '0.0001', markPrice: '100', indexPrice: '99' })
    flow(15 * SECOND)
    expect(played.told(KEY, 'stale')).toHaveLength(1)
    expect(played.told(KEY).at(-1)?.data).toMatchObject({ rate: '0.0001', markPrice: '100', indexPrice: null })
    index(played)
    expect(played.told(KEY).at(-1)?.data).toMatchObject({ rate: '0.0001', markPrice: '100', indexPrice: '99' })
  })
})

it('a mark price is not followed by an older one', () => {
  const played = new Play('binance')
  const key = 'funding:binance:BTC-USDT-PERP'
  played.demand(key)
  for (const [ms, p] of [
    [2_000, '102'],
    [1_000, '101'],
  ] as const) {
    const payload = { e: 'markPriceUpdate', E: played.now + ms, s: 'BTCUSDT', p, i: '1', r: '0', T: 1 }
    played.frame(binance('btcusdt@markPrice@1s', payload))
  }
  expect(played.told(key).map(({ data }) => data['markPrice'])).toEqual(['102'])
})

describe('the open interest of an exchange that sends what has changed', () => {
  const KEY = 'open-interest:bybit:BTC-USDT-PERP'

  it('is whole in each message', () => {
    const played = new Play('bybit')
    played.demand(KEY)
    played.frame(bybitTicker('delta', { openInterestValue: '5900000' }))
    played.frame(bybitTicker('snapshot', { openInterest: '100', openInterestValue: '6000000' }))
    played.frame(bybitTicker('delta', { openInterestValue: '6600000' }))
    played.frame(bybitTicker('delta', { openInterest: '101' }))
    expect(played.told(KEY).map(({ data }) => data)).toEqual([
      { openInterest: '100', value: '6000000' },
      { openInterest: '100', value: '6600000' },
      { openInterest: '101', value: '6600000' },
    ])
  })

  it('is asked for whole where a change may have been lost', () => {
    const played = new Play('bybit')
    played.demand(KEY)
    played.frame(bybitTicker('snapshot', { openInterest: '100', openInterestValue: '6000000' }))
    played.frame(bybitTicker('delta', { openInterest: '101' }))
    operations(played)
    played.frame('{"topic":"tickers.BTCUSDT","type":"del')
    played.wait(SECOND)
    expect(operations(played)).toEqual(['unsubscribe', 'subscribe'])
  })
})

describe('funding of a swap whose index is refused', () => {
  it('goes on without the index price', () => {
    const played = new Play('okx')
    const key = 'funding:okx:SOL-USDT-PERP'
    played.demand(key)
    const msg = "Wrong URL or channel:index-tickers,instId:SOL-USDT doesn't exist. Please use the correct URL"
    played.frame(JSON.stringify({ event: 'error', code: '60018', msg, connId: 'a', id: '1' }))
    played.frame(okx('mark-price', 'SOL-USDT-SWAP', [{ instId: 'SOL-USDT-SWAP', markPx: '150', ts: '5' }]))
    expect(played.told(key).map(({ type }) => type)).toEqual(['funding'])
    expect(played.told(key)[0]?.data).toMatchObject({ markPrice: '150', indexPrice: null })
    expect(played.session.rejection(topicOf(key), played.instrument('SOL-USDT-PERP'))).toBeNull()
  })
})

describe('newest values of an exchange that sends them whole', () => {
  it('are left to the next event', () => {
    const played = new Play('bybit')
    played.demand(BYBIT)
    played.frame(bybitTicker('snapshot', WHOLE))
    played.frame(bybitTicker('snapshot', WHOLE))
    operations(played)
    played.frame('{"topic":"tickers.BTCUSDT","type":"sna')
    played.wait(SECOND)
    expect(operations(played)).toEqual([])
  })

  it('may come by several streams, none of which leaves anything out', () => {
    const key = 'funding:okx:BTC-USDT-PERP'
    const played = new Play('okx')
    played.demand(key)
    const instId = 'BTC-USDT-SWAP'
    const rate = { instType: 'SWAP', instId, fundingRate: '0.0001', fundingTime: '9000', nextFundingTime: '9999' }
    for (let n = 1; n < 4; n++) {
      played.frame(okx('funding-rate', instId, [{ ...rate, ts: String(n) }]))
      played.frame(okx('mark-price', instId, [{ instType: 'SWAP', instId, markPx: '42310.6', ts: String(n) }]))
    }
    expect(played.told(key).at(-1)?.data).toMatchObject({ rate: '0.0001', markPrice: '42310.6' })
    operations(played)
    played.frame('{"arg":{"channel":"funding-rate"')
    played.wait(SECOND)
    expect(operations(played)).toEqual([])
  })
})
