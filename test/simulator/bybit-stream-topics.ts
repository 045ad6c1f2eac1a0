/**
 * What the topics of Bybit carry, but for the order books.
 * https://bybit-exchange.github.io/docs/v5/websocket/public/trade and its neighbours
 */

import { price, size, tickerRecord } from './bybit-endpoints.ts'
import type { Instrument } from './catalogue.ts'
import { spell, wideDigits } from './decimal-text.ts'
import type { ExchangeState } from './exchange-state.ts'
import type { CandleInterval } from './intervals.ts'
import { isLiquidation } from './liquidations.ts'
import { CLOSE, COLUMNS, HIGH, LOW, OPEN, QUOTE_HIGH, QUOTE_LOW, VOLUME } from './market.ts'
import { exchangeTradeId } from './trade-id.ts'
import type { StreamTarget, StreamTopic } from './ws/protocol.ts'
import { SECOND_MS, topicOfSeconds, topicOfTrades } from './ws/topics.ts'

/** What a topic is made of. */
export interface BybitSubject {
  readonly state: ExchangeState
  readonly instrument: Instrument
  /** `kline.1.BTCUSDT` */
  readonly key: string
  readonly target: StreamTarget
}

/** A push. @param more members beside the four that all have */
export const push = (
  topic: string,
  type: 'snapshot' | 'delta',
  ts: number,
  data: unknown,
  more: Readonly<Record<string, unknown>> = {},
): string => JSON.stringify({ topic, type, ts, data, ...more })

export const tradeTopic = (subject: BybitSubject): StreamTopic => {
  const { instrument, key } = subject
  return topicOfTrades(subject, (trade) =>
    push(key, 'snapshot', trade.time, [
      {
        T: trade.time,
        s: instrument.exchangeSymbol,
        S: trade.takerBuys ? 'Buy' : 'Sell',
        v: size(instrument, trade.size),
        p: price(instrument, trade.price),
        // Derivatives only.
        L: instrument.kind === 'spot' ? undefined : 'ZeroPlusTick',
        i: exchangeTradeId(instrument, trade.id),
        BT: false,
        RPI: false,
        seq: trade.id,
      },
    ]),
  )
}

/** Every second while it is open, and in the second of its end with `confirm`. @param name Bybit's of the interval */
export const klineTopic = (subject: BybitSubject, name: string, interval: CandleInterval): StreamTopic => {
  const { state, instrument, key } = subject
  const row = new Float64Array(COLUMNS)
  const ticks = (column: number): string => price(instrument, row[column] ?? 0)
  return topicOfSeconds(subject, (time) => {
    const start = interval.floor(time - 1)
    const closeTime = interval.step(start, 1)
    if (!state.market.candle(instrument, start, closeTime, state.until(instrument), row)) return undefined
    const turnover = wideDigits(row[QUOTE_HIGH] ?? 0, row[QUOTE_LOW] ?? 0)
    const candle = {
      start,
      end: closeTime - 1,
      interval: name,
      open: ticks(OPEN),
      close: ticks(CLOSE),
      high: ticks(HIGH),
      low: ticks(LOW),
      volume: size(instrument, row[VOLUME] ?? 0),
      turnover: spell(turnover, instrument.priceScale + instrument.sizeScale),
      confirm: closeTime <= time,
      timestamp: time,
    }
    return push(key, 'snapshot', time, [candle])
  })
}

/** What of the ticker of REST a spot ticker streams. */
const SPOT_FIELDS = [
  'symbol',
  'lastPrice',
  'highPrice24h',
  'lowPrice24h',
  'prevPrice24h',
  'volume24h',
  'turnover24h',
  'price24hPcnt',
  'usdIndexPrice',
]
/** A changed price comes with its size, and the other way about (recorded: they always stand together). */
const TOGETHER: Readonly<Record<string, string>> = {
  bid1Price: 'bid1Size',
  bid1Size: 'bid1Price',
  ask1Price: 'ask1Size',
  ask1Size: 'ask1Price',
}

/** Spot: snapshots. Linear: a snapshot, then the fields that have changed in a second. */
export const tickerTopic = (subject: BybitSubject): StreamTopic => {
  const { state, instrument, key } = subject
  const isSpot = instrument.kind === 'spot'
  const pushFields = (type: 'snapshot' | 'delta', time: number, entries: readonly (readonly [string, string])[]) =>
    push(key, type, time, Object.fromEntries(entries), { cs: time })
  const snapshot = (time: number): string[] => {
    const ticker = tickerRecord(state, instrument)
    if (!ticker) return []
    const entries = Object.entries(ticker).filter(([name]) => !isSpot || SPOT_FIELDS.includes(name))
    return [pushFields('snapshot', time, entries)]
  }
  const delta = (time: number): string | undefined => {
    const ticker = tickerRecord(state, instrument)
    const before = state.atMoment(time - SECOND_MS, () => tickerRecord(state, instrument))
    if (!ticker) return undefined
    const hasChanged = (name: string | undefined): boolean => name !== undefined && ticker[name] !== before?.[name]
    const changed = Object.entries(ticker).filter(([name]) => hasChanged(name) || hasChanged(TOGETHER[name]))
    return changed.length === 0
      ? undefined
      : pushFields('delta', time, [['symbol', instrument.exchangeSymbol], ...changed])
  }
  return topicOfSeconds({ ...subject, first: snapshot }, (time) => (isSpot ? snapshot(time)[0] : delta(time)))
}

/**
 * `S` is the side of the position: `Buy` says that a long one was liquidated, by an order that sells.
 * https://bybit-exchange.github.io/docs/v5/websocket/public/all-liquidation
 */
export const liquidationTopic = (subject: BybitSubject): StreamTopic => {
  const { instrument, key } = subject
  return topicOfTrades(subject, (trade) => {
    if (!isLiquidation(instrument, trade)) return undefined
    const liquidation = {
      T: trade.time,
      s: instrument.exchangeSymbol,
      S: trade.takerBuys ? 'Sell' : 'Buy',
      v: size(instrument, trade.size),
      p: price(instrument, trade.price),
    }
    return push(key, 'snapshot', trade.time, [liquidation])
  })
}
