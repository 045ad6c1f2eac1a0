import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { BboEvent, FundingEvent, TickerEvent } from '../../src/domain/event.ts'
import { Latest } from '../../src/live/latest.ts'

const exchangeSymbol = 'BTCUSDT'
const level = (price: string) => ({ price: decimal(price), size: decimal('1') })
const ticker = (exchangeTime: number | null, values: TickerEvent['values']): TickerEvent => ({
  channel: 'ticker',
  exchangeSymbol,
  exchangeTime,
  values,
})
const bbo = (exchangeTime: number | null, sequence: number | null, sides: Pick<BboEvent, 'bid' | 'ask'>): BboEvent => ({
  channel: 'bbo',
  exchangeSymbol,
  exchangeTime,
  sequence,
  ...sides,
})

it('puts partial values together, and says null of what was never sent', () => {
  const latest = new Latest()
  expect([latest.ticker, latest.bbo, latest.funding]).toEqual([null, null, null])
  latest.receive(ticker(1, { last: decimal('5'), high: decimal('7') }), 10)
  latest.receive(ticker(2, { last: decimal('6'), low: null }), 11)
  const values = { last: '6', open: null, high: '7', low: null, volume: null, quoteVolume: null }
  expect(latest.ticker).toMatchObject({ values, exchangeTime: 2, receivedTime: 11 })

  const funding: FundingEvent = { channel: 'funding', exchangeSymbol, exchangeTime: 3, values: { nextFundingTime: 8 } }
  latest.receive(funding, 12)
  latest.receive({ ...funding, exchangeTime: null, values: { rate: decimal('-0.0001') } }, 13)
  const rates = { rate: '-0.0001', nextFundingTime: 8, markPrice: null, indexPrice: null }
  expect(latest.funding).toMatchObject({ values: rates, exchangeTime: null, receivedTime: 13 })
})

it('leaves a side that is absent, and empties one that is null', () => {
  const latest = new Latest()
  latest.receive(bbo(1, 1, { bid: level('5'), ask: level('6') }), 10)
  latest.receive(bbo(2, 2, { ask: null }), 11)
  expect(latest.bbo?.values).toEqual({ bid: level('5'), ask: null })
})

it('leaves out what is older, by time or else by counter', () => {
  const latest = new Latest()
  latest.receive(bbo(5, 50, { bid: level('5') }), 10)
  expect(latest.receive(bbo(4, 51, { bid: level('4') }), 11)).toBe(false)
  expect(latest.receive(bbo(5, 49, { bid: level('4') }), 11)).toBe(false)
  expect(latest.receive(bbo(null, 49, { bid: level('4') }), 11)).toBe(false)
  expect(latest.bbo).toMatchObject({ values: { bid: level('5') }, receivedTime: 10 })
  // A counter may fall after maintenance: time decides.
  expect(latest.receive(bbo(6, 1, { bid: level('6') }), 12)).toBe(true)
  expect(latest.receive(bbo(6, 1, { bid: level('7') }), 13)).toBe(true)
})

describe('funding', () => {
  const funding = (exchangeTime: number | null, values: FundingEvent['values']): FundingEvent => ({
    channel: 'funding',
    exchangeSymbol,
    exchangeTime,
    values,
  })

  it('is as new in each of its members as that was said: a newer mark price keeps out no rate', () => {
    const latest = new Latest()
    latest.receive(funding(102, { markPrice: decimal('102') }), 10)
    expect(latest.receive(funding(101, { markPrice: decimal('101') }), 11)).toBe(false)
    expect(latest.receive(funding(100, { rate: decimal('0.1') }), 12)).toBe(true)
    expect(latest.funding).toMatchObject({ values: { markPrice: '102', rate: '0.1' }, exchangeTime: 102 })
    // Changes of one moment that come late: only what has not been said since.
    expect(latest.receive(funding(101, { rate: decimal('0.2'), markPrice: decimal('101') }), 13)).toBe(true)
    expect(latest.funding).toMatchObject({ values: { markPrice: '102', rate: '0.2' }, receivedTime: 13 })
  })

  it('is not held up for ever by a time that was wrong', () => {
    const latest = new Latest()
    latest.receive(funding(9e12, { markPrice: decimal('1') }), 0)
    expect(latest.receive(funding(100, { markPrice: decimal('2') }), 10_000)).toBe(false)
    expect(latest.receive(funding(101, { markPrice: decimal('2') }), 10_001)).toBe(true)
    expect(latest.funding).toMatchObject({ values: { markPrice: '2' }, exchangeTime: 101 })
  })

  it('forgets only what some have brought', () => {
    const latest = new Latest()
    const [one, other] = [{}, {}]
    latest.receive(funding(1, { markPrice: decimal('1') }), 10, one)
    latest.receive(funding(2, { rate: decimal('0.1') }), 11, other)
    latest.forget(new Set([one]))
    expect(latest.funding).toMatchObject({ values: { markPrice: null, rate: '0.1' }, receivedTime: 11 })
    latest.forget(new Set([other]))
    expect(latest.funding).toBeNull()
  })
})

it('is not held up for ever by a time or a counter that was wrong', () => {
  const latest = new Latest()
  latest.receive(ticker(9e12, { last: decimal('1') }), 0)
  expect(latest.receive(ticker(100, { last: decimal('2') }), 10_000)).toBe(false)
  expect(latest.receive(ticker(101, { last: decimal('2') }), 10_001)).toBe(true)
  expect(latest.ticker?.values.last).toBe('2')
})
