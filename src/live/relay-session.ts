import { ALL_EXCHANGES, parseTopicKey } from '../domain/topic.ts'
import type { ClientHub } from './client-hub.ts'
import type { SubscribeRequest } from './hub-client.ts'
import { RelayAcross } from './relay-across.ts'
import { type LinkEffect, RelayLink } from './relay-link.ts'

/** What the relay object is to do with its socket to the feed of an exchange. */
export interface RelayEffect {
  readonly exchange: string
  readonly effect: LinkEffect
}

/**
 * What a relay does: clients on one side, held by the hub, and on the other one link an exchange, opened when the first
 * client wants something of it. What clients want across exchanges it makes itself of what the links bring. Inputs in,
 * effects out; times are ms by the caller's clock.
 */
export class RelaySession {
  readonly #links: ReadonlyMap<string, RelayLink>
  readonly #across: RelayAcross

  /**
   * @param random as `Math.random`
   * @param timeScale ms of the caller's clock in a real one
   */
  constructor(hub: ClientHub, exchanges: readonly string[], random: () => number, timeScale: number) {
    this.#links = new Map(exchanges.map((exchange) => [exchange, new RelayLink(hub, random, timeScale)]))
    this.#across = new RelayAcross(hub, exchanges, random, timeScale)
  }

  request(requests: readonly SubscribeRequest[], now: number): RelayEffect[] {
    return requests.flatMap((request) =>
      request.topic.exchange === ALL_EXCHANGES
        ? this.#ask(this.#across.request(request, now), now)
        : this.#ask([request], now),
    )
  }

  opened(exchange: string, now: number): RelayEffect[] {
    return this.#on(exchange, (link) => link.opened(now))
  }

  received(exchange: string, frame: string, now: number): RelayEffect[] {
    return this.#on(exchange, (link) => link.received(frame, now))
  }

  closed(exchange: string, reason: string, now: number): RelayEffect[] {
    return this.#on(exchange, (link) => link.closed(reason, now))
  }

  /** Updates of a book begin to wait for a client. */
  merging(key: string): void {
    this.#linkOf(key)?.books.want(key)
  }

  /** The book of a topic as it is now, where it is kept for clients whose updates wait. */
  stateOf(key: string): string | undefined {
    return this.#linkOf(key)?.books.stateOf(key)
  }

  /** The hub was flushed: what that has brought is worked into what goes out next. */
  served(now: number): void {
    this.#across.served(now)
  }

  tick(now: number): RelayEffect[] {
    const asked = this.#ask(this.#across.tick(now), now)
    return [...asked, ...[...this.#links.keys()].flatMap((exchange) => this.#on(exchange, (link) => link.tick(now)))]
  }

  /** When {@link tick} is due; `Infinity` while no link is needed. */
  wakeAt(now: number): number {
    return Math.min(this.#across.wakeAt(now), ...Array.from(this.#links.values(), (link) => link.wakeAt(now)))
  }

  #linkOf(key: string): RelayLink | undefined {
    return this.#links.get(parseTopicKey(key)?.exchange ?? '')
  }

  #ask(requests: readonly SubscribeRequest[], now: number): RelayEffect[] {
    return requests.flatMap((request) => this.#on(request.topic.exchange, (link) => link.request(request, now)))
  }

  #on(exchange: string, act: (link: RelayLink) => readonly LinkEffect[]): RelayEffect[] {
    const link = this.#links.get(exchange)
    return link === undefined ? [] : act(link).map((effect) => ({ exchange, effect }))
  }
}
