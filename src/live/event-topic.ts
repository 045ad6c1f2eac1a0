import type { LiquidationEvent, MarketEvent, OpenInterestEvent } from '../domain/event.ts'
import { MarketTopic, type Probe } from './market-topic.ts'
import { liquidationData, openInterestData } from './messages.ts'

/** While a socket is rotated both bring each liquidation: so many are remembered to tell it once. */
const REMEMBERED = 200

/** Liquidations: each is news, and hours without one are usual. */
export class LiquidationsTopic extends MarketTopic {
  /** The socket that brought each first. */
  readonly #known = new Map<string, number>()
  /** From when on it was delivered without a doubt, ms by our clock; `null` before that. */
  #soundFrom: number | null = null
  /** Since when they may be missing, while nothing delivers them; `null` while something does. */
  #missingFrom: number | null = null

  override get probe(): null {
    return null
  }

  override receive(event: MarketEvent, socket: number, now: number): void {
    if (event.channel !== 'liquidations') return
    this.#begin(now)
    if (this.#isTold(event, socket)) return
    this.dataTime = event.exchangeTime
    this.publish(event.exchangeTime, now, liquidationData(event))
  }

  override subscribed(_socket: number, now: number): void {
    this.#begin(now)
  }

  override state(): null {
    return null
  }

  /** What was missed cannot be asked for: it is told as a gap, as soon as its end is known. */
  override lost(_socket: number, _now: number, heir: number | null): void {
    if (heir === null) this.#missingFrom ??= this.#heardTo
  }

  /** A frame could not be read; the stream goes on. */
  override suspect(now: number): void {
    if (this.#heardTo !== null && this.#missingFrom === null) this.#tellGap(this.#heardTo, now)
  }

  /** What it is delivered by is replaced. */
  override stale(now: number): void {
    this.notify('stale', now, { since: now })
    this.#missingFrom ??= this.#heardTo
  }

  /** A stream that speaks before it is acknowledged is not announced. */
  override tick(now: number): void {
    if (this.#missingFrom !== null && this.streams.every(({ state }) => state === 'live')) this.#begin(now)
  }

  /** Up to when none can be missing: the exchange's time of the newest, or since when there was none. */
  get #heardTo(): number | null {
    return this.#soundFrom === null ? null : Math.max(this.#soundFrom, this.dataTime ?? 0)
  }

  /** It is delivered, from now on at the latest. */
  #begin(now: number): void {
    this.#soundFrom ??= now
    if (this.#missingFrom === null) return
    this.#tellGap(this.#missingFrom, now)
    this.#missingFrom = null
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

  #tellGap(from: number, now: number): void {
    this.#soundFrom = now
    this.surroundings.counters.gaps += 1
    this.notify('gap', now, { from, to: Math.max(from, now), reason: 'liquidations_missing' })
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
