import type { MarketChannel } from '../domain/event.ts'
import type { Interval } from '../domain/interval.ts'
import type { StoredInstrument } from '../domain/series.ts'
import type { StreamApi } from '../exchanges/stream.ts'
import { BookTopic } from './book-topic.ts'
import { BuiltBboTopic } from './built-bbo-topic.ts'
import { BuiltCandlesTopic } from './built-candles-topic.ts'
import { type CandleRules, CandlesTopic } from './candles-topic.ts'
import { LiquidationsTopic } from './event-topic.ts'
import { LatestTopic } from './latest-topic.ts'
import type { MarketTopic, TopicMarks, TopicSurroundings } from './market-topic.ts'
import { TradesTopic } from './trades-topic.ts'

export interface TopicRequest {
  readonly channel: MarketChannel
  /** Of candles. */
  readonly interval: Interval | null
  readonly instrument: StoredInstrument
  readonly api: StreamApi
  readonly candleRules: CandleRules
  /** What the topic is made of, where the exchange does not stream it as such: {@link sourceOf}. */
  readonly source: MarketTopic | null
  readonly marks: TopicMarks
  readonly surroundings: TopicSurroundings
}

/** @throws RangeError where the exchange's tables contradict each other */
export function createTopic({
  channel,
  interval,
  instrument,
  api,
  candleRules,
  source,
  marks,
  surroundings,
}: TopicRequest): MarketTopic {
  switch (channel) {
    case 'trades':
      return new TradesTopic(instrument, surroundings, api.tradeRecovery[instrument.kind] ?? null, marks)
    case 'candles':
      if (interval === null) throw new RangeError('candles have an interval')
      if (source instanceof TradesTopic)
        return new BuiltCandlesTopic(instrument, interval, candleRules.settleMs, source, surroundings, marks)
      return new CandlesTopic(instrument, interval, candleRules, surroundings, marks)
    case 'book': {
      const rule = api.bookRule[instrument.kind]
      if (rule === undefined) throw new RangeError(`no rule for books of ${instrument.kind}`)
      return new BookTopic(instrument, surroundings, rule)
    }
    case 'ticker':
      return new LatestTopic(instrument, { channel, probe: 'trade', beginsWhole: true }, surroundings)
    case 'bbo':
      if (source instanceof BookTopic) return new BuiltBboTopic(instrument, source, surroundings)
      return new LatestTopic(instrument, { channel, probe: 'book', beginsWhole: api.bbo === 'streamed' }, surroundings)
    case 'funding':
      // The mark price is sent every few seconds, changed or not.
      return new LatestTopic(instrument, { channel, probe: 'clock', beginsWhole: true }, surroundings)
    case 'open-interest':
      // OKX sends it when it has changed, for which somebody must trade:
      // https://www.okx.com/docs-v5/en/#public-data-websocket-open-interest-channel
      return new LatestTopic(instrument, { channel, probe: 'trade', beginsWhole: true }, surroundings)
    case 'liquidations':
      return new LiquidationsTopic(instrument, surroundings)
  }
}

/** The channel of the topic that another one is made of; `null` where the exchange streams it as such. */
export function sourceOf(channel: MarketChannel, { candles, bbo }: StreamApi): MarketChannel | null {
  if (channel === 'candles' && candles === 'from-trades') return 'trades'
  return channel === 'bbo' && bbo === 'from-book' ? 'book' : null
}
