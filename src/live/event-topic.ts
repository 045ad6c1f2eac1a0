import type { LiquidationEvent, MarketEvent } from '../domain/event.ts'
import { MarketTopic } from './market-topic.ts'
import { liquidationData } from './messages.ts'

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
