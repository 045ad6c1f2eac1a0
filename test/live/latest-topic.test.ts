import { describe, expect, it } from 'vitest'
import { MINUTE, Play, SECOND, topicOf } from './session.ts'
import { okx } from './session-exchange.ts'

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
