import { expect, it } from 'vitest'
import type { Candle } from '../../src/domain/candle.ts'
import { decimal } from '../../src/domain/decimal.ts'
import { HOUR, MINUTE, Play, SECOND, START } from './session.ts'

const CANDLES = 'candles:coinbase:BTC-USD:1m'
/** Until then the minute in which it begins has been asked of REST. */
const BEGINNING = 130 * SECOND

interface Minute {
  readonly openTime: number
  readonly tradeCount: number | null
}

/** A market that trades each 10 s, and its exchange, which has all on REST; minute 0 is that in which it begins. */
class Market {
  readonly played = new Play('coinbase')
  /** By minute, how many trades REST knows. */
  readonly executed = new Map<number, number>()
  /** How often REST was asked for candles. */
  questions = 0
  /** Which trade the heartbeats say is the newest; `null`: there are none. */
  beats: (newestId: number) => number | null = () => 0
  #id = 0

  constructor() {
    this.played.demand(CANDLES)
    this.#trade(true)
  }

  /** @param delivers whether the trade of a second is made, and then whether it comes; `null`: nobody trades */
  flow(ms: number, delivers: (second: number) => boolean | null): void {
    const { played } = this
    played.wait(ms, () => {
      const second = (played.now - START) / SECOND
      const isDelivered = second % 10 === 0 ? delivers(second) : null
      if (isDelivered !== null) this.#trade(isDelivered)
      const last_trade_id = this.beats(this.#id)
      const about = { type: 'heartbeat', product_id: 'BTC-USD', sequence: 1, time: new Date(played.now).toISOString() }
      if (last_trade_id !== null) played.frame(JSON.stringify({ ...about, last_trade_id }))
      this.#answer()
    })
  }

  /** The candles that were told as closed. */
  get closed(): Minute[] {
    return this.played
      .told(CANDLES, 'candle')
      .filter(({ data }) => data['closed'] === true)
      .map(({ data }) => ({ openTime: Number(data['openTime']), tradeCount: Number(data['tradeCount']) }))
  }

  #trade(isDelivered: boolean): void {
    const { played, executed } = this
    const minute = Math.floor((played.now - START) / MINUTE)
    executed.set(minute, (executed.get(minute) ?? 0) + 1)
    this.#id += 1
    if (isDelivered) played.trade('BTC-USD', this.#id)
  }

  #answer(): void {
    for (const effect of this.played.freshEffects()) {
      if (effect.kind !== 'ask-candles') continue
      this.questions += 1
      const { instrument, interval, window } = effect
      const value = [...this.executed].map(([minute, count]) => candle(minute, count))
      this.played.take({
        ...{ kind: 'candles', instrumentId: instrument.id, interval, window },
        answer: { ok: true, value },
      })
    }
  }
}

function candle(minute: number, tradeCount: number): Candle {
  const price = decimal('100')
  const prices = { open: price, high: price, low: price, close: price }
  const volume = decimal(String(tradeCount))
  return { openTime: START + minute * MINUTE, ...prices, volume, quoteVolume: null, tradeCount, closed: true }
}

const always = () => true
const never = () => null

it('a candle of which the last trade was dropped is that of REST where heartbeats know no trade', () => {
  const market = new Market()
  market.flow(BEGINNING, always)
  const before = market.questions
  // Minute 3: its last trade does not come, and none after it is made.
  market.flow(4 * MINUTE, (second) => (second > 230 ? null : second < 230))
  expect(market.questions).toBeGreaterThan(before)
  expect(market.closed.find(({ openTime }) => openTime === START + 3 * MINUTE)).toMatchObject({ tradeCount: 6 })
  for (const { openTime, tradeCount } of market.closed)
    expect(tradeCount).toBe(market.executed.get((openTime - START) / MINUTE))
})

it('a candle is not closed by a heartbeat that knows fewer trades than have come', () => {
  const market = new Market()
  market.flow(BEGINNING, always)
  const before = market.questions
  market.beats = () => 3
  market.flow(4 * MINUTE, (second) => (second > 230 ? null : second < 230))
  expect(market.questions).toBeGreaterThan(before)
  expect(market.closed.find(({ openTime }) => openTime === START + 3 * MINUTE)).toMatchObject({ tradeCount: 6 })
})

it.each<[what: string, beats: () => number | null]>([
  ['know no trade', () => 0],
  ['name one that never comes', () => 1_000_000],
  ['do not come', () => null],
])('candles go on to be closed where heartbeats for ever %s, each once', (_, beats) => {
  const market = new Market()
  market.beats = beats
  // Trades in the first half of each third minute; nobody trades in between.
  market.flow(HOUR, (second) => (second % 180 < 30 ? true : null))
  const traded = [...market.executed.keys()].filter((minute) => minute < 58)
  expect(market.closed.map(({ openTime }) => (openTime - START) / MINUTE).filter((minute) => minute < 58)).toEqual(
    traded,
  )
  expect(market.played.told(CANDLES, 'gap')).toEqual([])
})

it('candles of a market in which nobody trades any more go on to be looked for', () => {
  const market = new Market()
  market.flow(10 * MINUTE, never)
  const before = market.questions
  market.flow(10 * MINUTE, never)
  expect(market.questions - before).toBe(10)
})

it('nothing is asked of REST where heartbeats vouch for the trades', () => {
  const market = new Market()
  market.beats = (newestId) => newestId
  market.flow(BEGINNING, always)
  const before = market.questions
  market.flow(HOUR, (second) => (second % 180 < 30 ? true : null))
  expect(market.questions).toBe(before)
  expect(market.closed.length).toBeGreaterThan(20)
})

it('a trade that comes late, but before its slot is given up, leaves the candle built', () => {
  const market = new Market()
  market.flow(BEGINNING, always)
  const before = market.questions
  // One trade in each of two minutes, 50 s apart.
  market.flow(2 * MINUTE, (second) => (second === 190 || second === 250 ? true : null))
  expect(market.questions).toBe(before)
  expect(market.closed.at(-1)).toEqual({ openTime: START + 3 * MINUTE, tradeCount: 1 })
})
