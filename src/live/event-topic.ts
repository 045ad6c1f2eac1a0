import type { LiquidationEvent, MarketEvent, OpenInterestEvent } from '../domain/event.ts'
import type { Newest } from './feed-io.ts'
import { MarketTopic } from './market-topic.ts'
import { liquidationData, openInterestData } from './messages.ts'

/** Liquidations: each is news, and hours without one are usual. */
export class LiquidationsTopic extends MarketTopic {
  override get probe(): null {
    return null
  }

  override receive(event: MarketEvent, _socket: number, now: number): void {
    if (event.channel !== 'liquidations') return
    this.#tell(event, now)
  }

  override state(): null {
    return null
  }

  /** What was missed cannot be asked for. */
  override lost(_socket: number, now: number): void {
    this.#tellGap(now)
  }

  override suspect(now: number): void {
    this.#tellGap(now)
  }

  #tell(event: LiquidationEvent, now: number): void {
    this.dataTime = event.exchangeTime
    this.publish(event.exchangeTime, now, liquidationData(event))
  }

  #tellGap(now: number): void {
    this.surroundings.counters.gaps += 1
    this.notify('gap', now, { from: this.dataTime, to: null, reason: 'liquidations_missing' })
  }
}

/** The open interest, whole in each event. */
export class OpenInterestTopic extends MarketTopic {
  #newest: { readonly event: OpenInterestEvent; readonly receivedTime: number } | null = null

  override get probe(): Newest['what'] {
    return 'trade'
  }

  override receive(event: MarketEvent, _socket: number, now: number): void {
    if (event.channel !== 'open-interest') return
    this.#newest = { event, receivedTime: now }
    this.dataTime = event.exchangeTime ?? now
    this.publish(event.exchangeTime, now, openInterestData(event))
  }

  override state(key: string): string | null {
    if (this.#newest === null) return null
    const { event, receivedTime } = this.#newest
    return this.line(key)?.state(event.exchangeTime, receivedTime, openInterestData(event)) ?? null
  }

  override lost(): void {}

  override suspect(): void {}
}
