import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { BookLevel } from '../../src/domain/order-book.ts'
import type { ClientTopic } from '../../src/domain/topic.ts'
import type { ClientHub } from '../../src/live/client-hub.ts'
import { bookData, TopicLine } from '../../src/live/messages.ts'
import { type RelayEffect, RelaySession } from '../../src/live/relay-session.ts'
import { type BookMessage, ClientBook } from '../harness/client-book.ts'
import { createHub, type Received, TestClient } from './client.ts'

const TOPIC: ClientTopic = { channel: 'book', exchange: 'okx', symbol: 'BTC-USDT', interval: null, depth: 5 }
const one = decimal('1')

/** A relay over the feed of one book of five levels, of which only the bids move. */
class World {
  now = 0
  readonly hub: ClientHub = createHub({
    exchanges: ['okx'],
    stateOf: (key) => this.session.stateOf(key),
    merging: (key) => this.session.merging(key),
  })
  readonly session = new RelaySession(this.hub, ['okx'], () => 1, 1)
  readonly feed = createHub({ exchanges: ['okx'] })
  readonly line = new TopicLine(TOPIC, 'BTC-USDT')
  readonly asked: unknown[] = []
  /** The best price. */
  #best = 100
  #sequence = 1
  #link: TestClient | undefined
  #handedOn = 0

  join(settings: object): TestClient {
    const client = new TestClient(this.hub)
    client.say({ op: 'configure', ...settings }, this.now)
    const { channel, exchange, symbol, depth } = TOPIC
    this.#perform(
      this.session.request(client.say({ op: 'subscribe', args: [{ channel, exchange, symbol, depth }] }), this.now),
    )
    this.settle()
    return client
  }

  /** The price moves: one level comes at one end and one goes at the other. */
  move(direction: 1 | -1): void {
    const gone = direction === 1 ? this.#best - 4 : this.#best
    const come = direction === 1 ? this.#best + 1 : this.#best - 5
    this.#best += direction
    const bids = [
      { price: decimal(`${gone}`), size: decimal('0') },
      { price: decimal(`${come}`), size: one },
    ]
    this.#publish('update', bids, [])
  }

  resync(): void {
    this.feed.publish(this.line.key, this.line.notice('resync', 2, '{"reason":"a test"}'))
    this.#publish('snapshot', this.bids(), ASKS)
  }

  bids(): BookLevel[] {
    return Array.from({ length: 5 }, (_, n) => ({ price: decimal(`${this.#best - n}`), size: one }))
  }

  lose(): void {
    this.#link = undefined
    this.#perform(this.session.closed('okx', 'lost', this.now))
    this.settle()
  }

  pass(ms: number): void {
    this.now += ms
    this.#perform(this.session.tick(this.now))
    this.settle()
  }

  /** What is on its way arrives; clients get what is due. */
  settle(): void {
    this.feed.flush(this.now)
    while (this.#link !== undefined && this.#handedOn < this.#link.frames.length) {
      this.#perform(this.session.received('okx', this.#link.frames[this.#handedOn++] ?? '', this.now))
      this.feed.flush(this.now)
    }
    this.hub.flush(this.now)
  }

  #publish(kind: 'snapshot' | 'update', bids: readonly BookLevel[], asks: readonly BookLevel[]): void {
    const prevSequence = kind === 'update' ? this.#sequence : null
    this.#sequence += 1
    this.feed.publish(this.line.key, this.line.next(1, 2, this.#data(kind, bids, asks, prevSequence)))
  }

  #data(kind: 'snapshot' | 'update', bids: readonly BookLevel[], asks: readonly BookLevel[], prev: number | null) {
    const numbers = { prevSequence: prev, sequence: this.#sequence }
    return bookData({ kind, depth: 5, availableDepth: 5, bids, asks, ...numbers })
  }

  #perform(effects: readonly RelayEffect[]): void {
    for (const { effect } of effects) {
      if (effect === 'disconnect') this.#link = undefined
      else if (effect === 'connect') {
        this.#link = new TestClient(this.feed, this.now, true)
        this.#handedOn = 0
        this.#perform(this.session.opened('okx', this.now))
      } else this.#answer(effect.send)
    }
  }

  #answer(text: string): void {
    this.asked.push(JSON.parse(text))
    for (const request of this.#link?.say(text, this.now) ?? []) {
      const state = this.line.state(1, 2, this.#data('snapshot', this.bids(), ASKS, null))
      this.feed.accept(request, { topic: TOPIC, epoch: 'e', seq: this.line.seq, state })
    }
  }
}

const ASKS = Array.from({ length: 5 }, (_, n) => ({ price: decimal(`${200 + n}`), size: one }))

/** Works through all that a client got. @returns its book, and how many levels each message had */
function follow(messages: readonly Received[]) {
  const book = new ClientBook()
  const sizes: number[] = []
  let seq: number | null | undefined
  for (const message of messages) {
    const { type, data } = message
    if (type === 'subscribed') seq = message.seq
    if (type !== 'book' && type !== 'resync' && type !== 'gap') continue
    if (message.seq != null) {
      expect(message.prevSeq).toBe(seq)
      seq = message.seq
    }
    if (type !== 'book') {
      book.clear()
      continue
    }
    const read = data as unknown as BookMessage
    expect(book.receive(read)).toBeUndefined()
    sizes.push(read.bids.length + read.asks.length)
  }
  return { levels: book.levels(), sizes }
}

describe('a merged book on a relay', () => {
  it('goes out whole where the updates in it have outgrown it', () => {
    const world = new World()
    const [all, merged] = [world.join({}), world.join({ conflateMs: 1_000 })]
    world.pass(1_000)
    for (let second = 0; second < 3; second++) {
      for (let n = 0; n < 40; n++) {
        world.move(1)
        world.settle()
      }
      world.pass(1_000)
    }
    const [seen, truth] = [follow(merged.messages), follow(all.messages)]
    expect(seen.levels).toEqual(truth.levels)
    expect(Math.max(...seen.sizes)).toBe(10)
    // For two clients, and for the state.
    expect(world.asked).toHaveLength(3)
  })

  it('is not kept for a client that gets every update, nor for long after one that does not', () => {
    const world = new World()
    const client = world.join({ conflateMs: 1_000 })
    world.move(1)
    world.pass(1_000)
    expect(world.session.stateOf(world.line.key)).toBeDefined()
    client.say({ op: 'configure', conflateMs: null, maxMessagesPerSecond: null }, world.now)
    for (let n = 0; n < 60; n++) {
      world.move(1)
      world.pass(1_000)
    }
    expect(world.session.stateOf(world.line.key)).toBeUndefined()
  })
})

const step = fc.constantFrom('up', 'up', 'up', 'down', 'down', 'settle', 'pass', 'resync', 'lose', 'configure')

it('whatever happens, the book of a client whose updates wait is the true one', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const world = new World()
      const client = world.join({ conflateMs: 500 })
      world.pass(1_000)
      let isMerged = true
      for (const action of steps) {
        if (action === 'up') world.move(1)
        if (action === 'down') world.move(-1)
        if (action === 'settle') world.settle()
        if (action === 'pass') world.pass(250)
        if (action === 'resync') world.resync()
        if (action === 'lose') world.lose()
        if (action === 'configure') {
          isMerged = !isMerged
          client.say({ op: 'configure', conflateMs: isMerged ? 500 : 0 }, world.now)
        }
      }
      for (let n = 0; n < 5; n++) world.pass(1_000)
      const { levels } = follow(client.messages)
      expect(levels.bids).toEqual(world.bids().map(({ price, size }) => [price, size]))
    }),
    { numRuns: 200 },
  )
})
