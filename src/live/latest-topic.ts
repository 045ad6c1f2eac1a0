import type { MarketEvent } from '../domain/event.ts'
import type { StoredInstrument } from '../domain/series.ts'
import { Latest, type LatestValues } from './latest.ts'
import { MarketTopic, type Probe, type TopicSurroundings } from './market-topic.ts'
import { bboData, fundingData, tickerData } from './messages.ts'

type LatestChannel = 'ticker' | 'bbo' | 'funding'

/** A channel of which only the newest values count: clients get them whole, however little of them an event says. */
export class LatestTopic extends MarketTopic {
  readonly latest = new Latest()
  readonly #channel: LatestChannel
  readonly #probe: Probe

  constructor(instrument: StoredInstrument, channel: LatestChannel, probe: Probe, surroundings: TopicSurroundings) {
    super(instrument, surroundings)
    this.#channel = channel
    this.#probe = probe
  }

  override get probe(): Probe {
    return this.#probe
  }

  override best(): { readonly bid: string | null; readonly ask: string | null } | null {
    const { bbo } = this.latest
    return bbo === null ? null : { bid: bbo.values.bid?.price ?? null, ask: bbo.values.ask?.price ?? null }
  }

  override receive(event: MarketEvent, _socket: number, now: number): void {
    if (event.channel !== 'ticker' && event.channel !== 'bbo' && event.channel !== 'funding') return
    if (event.channel !== this.#channel || !this.latest.receive(event, now)) return
    this.dataTime = event.exchangeTime ?? now
    const newest = this.#newest()
    if (newest !== null) this.publish(newest.exchangeTime, now, newest.values)
  }

  override state(key: string): string | null {
    const newest = this.#newest()
    if (newest === null) return null
    return this.line(key)?.state(newest.exchangeTime, newest.receivedTime, newest.values) ?? null
  }

  /** What stands is still the newest that was heard: its times say how old it is. */
  override lost(): void {}

  override suspect(): void {}

  #newest(): LatestValues<string> | null {
    const { ticker, bbo, funding } = this.latest
    switch (this.#channel) {
      case 'ticker':
        return ticker === null ? null : { ...ticker, values: tickerData(ticker.values) }
      case 'bbo':
        return bbo === null ? null : { ...bbo, values: bboData(bbo.values.bid, bbo.values.ask) }
      case 'funding':
        return funding === null ? null : { ...funding, values: fundingData(funding.values) }
    }
  }
}
