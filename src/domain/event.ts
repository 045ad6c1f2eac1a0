import type { Candle } from './candle.ts'
import type { Decimal } from './decimal.ts'
import type { Interval } from './interval.ts'
import type { BookLevel, Level } from './order-book.ts'
import type { Side } from './trade.ts'

/** What an exchange streams about an instrument. */
export const marketChannels = [
  'trades',
  'candles',
  'ticker',
  'bbo',
  'book',
  'funding',
  'open-interest',
  'liquidations',
] as const
export type MarketChannel = (typeof marketChannels)[number]

/** One thing that an exchange says about one instrument. Sizes are as sent until `resolveEvent` has seen them. */
export type MarketEvent =
  | TradeEvent
  | CandleEvent
  | TickerEvent
  | BboEvent
  | BookEvent
  | FundingEvent
  | OpenInterestEvent
  | LiquidationEvent

interface EventBase {
  readonly exchangeSymbol: string
  /** ms UTC by the exchange's clock; `null` where the frame carries none. */
  readonly exchangeTime: number | null
}

export interface TradeEvent extends EventBase {
  readonly channel: 'trades'
  readonly exchangeTime: number
  /** Unique within the instrument. */
  readonly id: string
  readonly price: Decimal
  readonly size: Decimal
  /** The taker's; `null` where the record does not say. */
  readonly side: Side | null
}

export interface CandleEvent extends EventBase {
  readonly channel: 'candles'
  /** `null` where the slots of the exchange's interval are not ours: its days begin by another clock than UTC. */
  readonly interval: Interval | null
  /** As the exchange spells it, where `interval` is `null`. */
  readonly exchangeInterval?: string
  readonly candle: Candle
}

/** Rolling 24 h summary. */
export interface TickerValues {
  readonly last: Decimal | null
  readonly open: Decimal | null
  readonly high: Decimal | null
  readonly low: Decimal | null
  readonly volume: Decimal | null
  readonly quoteVolume: Decimal | null
}

export interface TickerEvent extends EventBase {
  readonly channel: 'ticker'
  /** Only what the frame says: what is absent stands as it was. A field that the exchange never sends is `null`. */
  readonly values: Partial<TickerValues>
}

export interface BboEvent extends EventBase {
  readonly channel: 'bbo'
  /** The exchange's counter, where it sends one. */
  readonly sequence: number | null
  /** Absent: unchanged. `null`: that side is empty. */
  readonly bid?: Level | null
  readonly ask?: Level | null
}

/** A whole book or what changed in it. Which of the counters an exchange sends, its book rule knows. */
export interface BookEvent extends EventBase {
  readonly channel: 'book'
  readonly kind: 'snapshot' | 'update'
  /** The first change that this update contains (Binance `U`). */
  readonly firstSequence: number | null
  /** The counter of the update before this one (Binance USD-M `pu`, OKX `prevSeqId`). */
  readonly prevSequence: number | null
  /** The counter after this update (Binance and Bybit `u`, OKX `seqId`). */
  readonly sequence: number | null
  /** Sizes are absolute, `0` removes the level. Those of a snapshot are ordered best first, those of an update are not. */
  readonly bids: readonly BookLevel[]
  readonly asks: readonly BookLevel[]
}

export interface FundingValues {
  /** A fraction, not a percentage. */
  readonly rate: Decimal | null
  readonly nextFundingTime: number | null
  readonly markPrice: Decimal | null
  readonly indexPrice: Decimal | null
}

export interface FundingEvent extends EventBase {
  readonly channel: 'funding'
  /** Only what the frame says: what is absent stands as it was. */
  readonly values: Partial<FundingValues>
}

export interface OpenInterestEvent extends EventBase {
  readonly channel: 'open-interest'
  /** In base units (contracts before `resolveEvent`, where the exchange sends nothing else). */
  readonly openInterest: Decimal
  /** In quote units; `null` where it is not sent. */
  readonly value: Decimal | null
}

export interface LiquidationEvent extends EventBase {
  readonly channel: 'liquidations'
  readonly exchangeTime: number
  readonly price: Decimal
  readonly size: Decimal
  /** Of the order that liquidates: `sell` closes a long position. */
  readonly side: Side
}
