import type { LiquidationEvent, MarketEvent, OpenInterestEvent } from '../domain/event.ts'
import { MarketTopic, type Probe } from './market-topic.ts'
import { liquidationData, openInterestData } from './messages.ts'

/** While a socket is rotated both bring each liquidation: so many are remembered to tell it once. */
const REMEMBERED = 200

/** Liquidations: each is news, and hours without one are usual. */
export class LiquidationsTopic extends MarketTopic {
  /** The socket that brought each first. */
  readonly #known = new Map<string, number>()

  override get probe(): null {
    return null
  }

  override receive(event: MarketEvent, socket: number, now: number): void {
    if (event.channel !== 'liquidations' || this.#isTold(event, socket)) return
    this.dataTime = event.exchangeTime
    this.publish(event.exchangeTime, now, liquidationData(event))
  }

  override state(): null {
    return null
  }

  /** What was missed cannot be asked for. */
  override lost(_socket: number, now: number, heir: number | null): void {
    if (heir === null) this.#tellGap(now)
  }

  override suspect(now: number): void {
    this.#tellGap(now)
  }

  /** They have no ids, and one socket may bring two that are alike: each is one. */
  #isTold({ exchangeTime, price, size, side }: LiquidationEvent, socket: number): boolean {
    const key = `${exchangeTime}:${side}:${price}:${size}`
    const known = this.#known.get(key)
    if (known !== undefined) return known !== socket
    this.#known.set(key, socket)
    if (this.#known.size > REMEMBERED)
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest)
        break
      }
    return false
  }

  #tellGap(now: number): void {
    this.surroundings.counters.gaps += 1
    this.notify('gap', now, { from: this.dataTime, to: null, reason: 'liquidations_missing' })
  }
}

/** The open interest, whole in each event. */
export class OpenInterestTopic extends MarketTopic {
  #newest: { readonly event: OpenInterestEvent; readonly receivedTime: number } | null = null

  /** It is sent every few seconds, changed or not. */
  override get probe(): Probe {
    return 'clock'
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
