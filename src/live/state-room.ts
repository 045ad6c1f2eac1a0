import type { ClientTopic } from '../domain/topic.ts'
import type { HubClient, SubscribeRequest } from './hub-client.ts'
import { MOST_HELD } from './relief.ts'

/**
 * With so much on its way to a client, characters, it gets no further book. One that reads is seldom here, for it is
 * pinged each 256 kB, and one that asks for no more is not made slow by what it has asked for.
 */
const CLIENT_ROOM = 512 * 1_024
/** Of a level of a book in its state, with the price of a dear asset: `["104321.1","0.00012345"],`. */
const LEVEL_CHARACTERS = 28
/** Whoever was given none of its books for so long is refused those that wait: real ms. */
const WAIT_MS = 10_000

/** What a client has asked for and was not given yet. */
interface Asker {
  /** Oldest first. */
  waiting: SubscribeRequest[]
  /** What has been handed to the owner, by its size. */
  readonly underWay: Map<SubscribeRequest, number>
  /** When one was handed on last, or had to wait first. */
  since: number
}

/**
 * Room for the states that answer subscriptions. That of a book is large, and nobody has said that it will be read: so
 * requests for books wait until what was sent before is acknowledged, by their client and by all together. Only what is
 * handed on takes memory. Times are ms by the caller's clock, sizes are characters.
 */
export class StateRoom {
  readonly #waitMs: number
  readonly #askers = new Map<HubClient, Asker>()
  /** What all clients had not acknowledged when it was counted last, and what was handed on since. */
  #unacknowledged = 0
  #promised = 0

  /** @param timeScale ms of the caller's clock in a real one */
  constructor(timeScale: number) {
    this.#waitMs = WAIT_MS * timeScale
  }

  /** Whether any request waits. */
  get hasWaiting(): boolean {
    for (const { waiting } of this.#askers.values()) if (waiting.length > 0) return true
    return false
  }

  /** @returns what can be settled now, of what waited before, too: the others come with {@link takeDue} */
  admit(client: HubClient, requests: readonly SubscribeRequest[], now: number): readonly SubscribeRequest[] {
    const large = client.isInternal ? [] : requests.filter(({ topic }) => sizeOf(topic) > 0)
    if (large.length === 0) return requests
    const asker: Asker = this.#askers.get(client) ?? { waiting: [], underWay: new Map(), since: now }
    if (asker.waiting.length === 0) asker.since = now
    asker.waiting.push(...large)
    this.#askers.set(client, asker)
    const small = requests.filter(({ topic }) => sizeOf(topic) === 0)
    return [...small, ...this.#release(client, asker, now)]
  }

  /** Those for which there is room by now, and those that have waited for too long. */
  takeDue(now: number): { readonly due: readonly SubscribeRequest[]; readonly late: readonly SubscribeRequest[] } {
    const due: SubscribeRequest[] = []
    const late: SubscribeRequest[] = []
    for (const [client, asker] of this.#askers) {
      due.push(...this.#release(client, asker, now))
      if (now - asker.since >= this.#waitMs) late.push(...asker.waiting.splice(0))
      this.#dropIdle(client, asker)
    }
    return { due, late }
  }

  /** What a client waits for here. */
  waiting(client: HubClient): readonly SubscribeRequest[] {
    return this.#askers.get(client)?.waiting.filter((request) => client.requests.has(request)) ?? []
  }

  /** It was accepted or refused: what it brought counts as sent. */
  settled(request: SubscribeRequest): void {
    const asker = this.#askers.get(request.client)
    if (asker === undefined) return
    asker.underWay.delete(request)
    this.#dropIdle(request.client, asker)
  }

  /** The client is gone. */
  forget(client: HubClient): void {
    this.#askers.delete(client)
  }

  /** @param unacknowledged by all clients, as it is now */
  count(unacknowledged: number): void {
    this.#unacknowledged = unacknowledged
    this.#promised = 0
    for (const { underWay } of this.#askers.values()) this.#promised += sumOf(underWay)
  }

  #dropIdle(client: HubClient, { underWay, waiting }: Asker): void {
    if (underWay.size === 0 && waiting.length === 0) this.#askers.delete(client)
  }

  #release(client: HubClient, asker: Asker, now: number): SubscribeRequest[] {
    // Those that were cancelled wait no more.
    asker.waiting = asker.waiting.filter((request) => client.requests.has(request))
    const released: SubscribeRequest[] = []
    let load = client.queue.load + sumOf(asker.underWay)
    for (const request of asker.waiting) {
      if (load >= CLIENT_ROOM || this.#unacknowledged + this.#promised >= MOST_HELD) break
      const size = sizeOf(request.topic)
      asker.underWay.set(request, size)
      load += size
      this.#promised += size
      released.push(request)
    }
    asker.waiting.splice(0, released.length)
    if (released.length > 0) asker.since = now
    return released
  }
}

/** About so large is the state of a topic: where it is no book it is as small as any message. */
function sizeOf({ depth }: ClientTopic): number {
  return depth === null ? 0 : 2 * depth * LEVEL_CHARACTERS
}

function sumOf(sizes: ReadonlyMap<SubscribeRequest, number>): number {
  let sum = 0
  for (const size of sizes.values()) sum += size
  return sum
}
