import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type ClientTopic, topicKey } from '../../src/domain/topic.ts'
import { bboData, TopicLine } from '../../src/live/messages.ts'
import { type LinkEffect, RelayLink } from '../../src/live/relay-link.ts'
import { errorMessage, subscribedMessage } from '../../src/live/replies.ts'
import { createHub, TestClient } from './client.ts'

const BTC: ClientTopic = { channel: 'bbo', exchange: 'okx', symbol: 'BTC-USDT', interval: null, depth: null }
const sentSchema = z.object({
  op: z.string(),
  id: z.int().optional(),
  args: z.array(z.looseObject({ symbol: z.string() })).optional(),
})

/** A link by itself: what the feed says is up to the test. */
class LinkWorld {
  now = 0
  readonly hub = createHub({ exchanges: ['okx'] })
  readonly link = new RelayLink(this.hub, () => 1, 1)
  readonly line = new TopicLine(BTC, 'BTC-USDT')
  /** What was sent to the feed and not looked at. */
  readonly sent: z.infer<typeof sentSchema>[] = []
  connects = 0

  client(): TestClient {
    return new TestClient(this.hub)
  }

  ask(client: TestClient, id: string, symbol = 'BTC-USDT'): void {
    const args = [{ channel: 'bbo', exchange: 'okx', symbol }]
    for (const request of client.say({ op: 'subscribe', id, args }, this.now)) {
      this.#note(this.link.request(request, this.now))
    }
  }

  open(): void {
    this.#note(this.link.opened(this.now))
  }

  close(): void {
    this.#note(this.link.closed('lost', this.now))
  }

  pass(ms: number): void {
    this.now += ms
    this.#note(this.link.tick(this.now))
  }

  /** The feed sends a frame. */
  hear(...messages: readonly string[]): void {
    this.#note(this.link.received(`[${messages.join(',')}]`, this.now))
  }

  /** The ids of the subscriptions that the feed was asked for since this was looked at. */
  asked(): number[] {
    return this.sent.splice(0).flatMap(({ op, id }) => (op === 'subscribe' && id !== undefined ? [id] : []))
  }

  /** The feed gives the topic, without a state. */
  accept(id: number | undefined): void {
    this.hear(subscribedMessage(id ?? -1, BTC, 'e', this.line.seq, false))
  }

  /** What a client got since this was looked at. */
  told(client: TestClient): unknown[] {
    this.hub.flush(this.now)
    return client.read().flatMap(({ type, id, code }) => {
      if (type === 'ping') return []
      return [[type, ...(id == null ? [] : [id]), ...(code === undefined ? [] : [code])].join(' ')]
    })
  }

  #note(effects: readonly LinkEffect[]): void {
    for (const effect of effects) {
      if (effect === 'connect') this.connects += 1
      else if (effect !== 'disconnect') this.sent.push(sentSchema.parse(JSON.parse(effect.send)))
    }
  }
}

describe('the answer of a feed', () => {
  it('says whether the state comes with it; an outage that lasts is told only to who has asked', () => {
    const world = new LinkWorld()
    const [first, second] = [world.client(), world.client()]
    world.ask(first, 'a')
    world.open()
    world.accept(world.asked()[0])
    world.hear(world.line.notice('stale', 1, '{"since":1}'))
    expect(world.told(first)).toEqual(['subscribed a', 'stale'])

    world.ask(second, 'b')
    const [id = -1] = world.asked()
    const standing = world.line.standing('stale', 2, '{"since":1}')
    world.hear(subscribedMessage(id, BTC, 'e', world.line.seq, false), standing)
    world.hub.flush(0)
    expect(second.read()).toMatchObject([{ type: 'subscribed', state: false }, { type: 'stale' }])
    expect(world.told(first)).toEqual([])

    const third = world.client()
    world.ask(third, 'c')
    const state = world.line.state(1, 2, bboData(null, null))
    world.hear(subscribedMessage(world.asked()[0] ?? -1, BTC, 'e', world.line.seq, true), state, standing)
    world.hub.flush(0)
    expect(third.read()).toMatchObject([{ state: true }, { type: 'bbo' }, { type: 'stale' }])
    expect(world.told(first)).toEqual([])
    expect(world.told(second)).toEqual([])
    expect(world.hub.audience(topicKey(BTC))).toBe(3)
  })
})

describe('one answer for several clients', () => {
  /** A client that had the topic when the link was lost. */
  function lose(world: LinkWorld): TestClient {
    const client = world.client()
    world.ask(client, 'a')
    world.open()
    world.accept(world.asked()[0])
    world.close()
    expect(world.told(client)).toEqual(['subscribed a', 'gap'])
    return client
  }

  /** Each attempt to connect fails. */
  function failFor(world: LinkWorld, ms: number): void {
    for (const end = world.now + ms; world.now < end; ) {
      const { connects } = world
      world.pass(100)
      if (world.connects > connects) world.close()
    }
  }

  it('waits for it without end for who had the topic, and 10 s for who is new', () => {
    const world = new LinkWorld()
    const old = lose(world)
    world.pass(500)
    world.ask(world.client(), 'b')
    failFor(world, 9_500)
    // The link is there again, but the feed has not answered yet.
    world.open()
    world.pass(500)
    expect(world.told(old)).toEqual([])
    world.accept(world.asked()[0])
    expect(world.told(old)).toEqual(['subscribed'])
  })

  it('tells who is new in time, though others wait on', () => {
    const world = new LinkWorld()
    const old = lose(world)
    world.pass(500)
    world.open()
    // What was asked for on behalf of the old one is still unanswered.
    world.close()
    const late = world.client()
    world.ask(late, 'b')
    failFor(world, 10_000)
    expect(world.told(late)).toEqual(['error b feed_unavailable'])
    failFor(world, 60_000)
    expect(world.told(old)).toEqual([])
    world.open()
    world.accept(world.asked().at(-1))
    expect(world.told(old)).toEqual(['subscribed'])
    expect(world.hub.audience(topicKey(BTC))).toBe(1)
  })

  it('asks again, for those who had the topic, where the feed cannot say now whether there is one', () => {
    const world = new LinkWorld()
    const old = lose(world)
    const late = world.client()
    world.ask(late, 'b')
    world.pass(500)
    world.open()
    const refuse = (code: string) => {
      for (const id of world.asked())
        world.hear(errorMessage(id, code === 'gone' ? 'unknown_instrument' : 'storage_unavailable', code))
    }
    refuse('away')
    expect(world.told(late)).toEqual(['error b storage_unavailable'])
    expect(world.told(old)).toEqual([])
    world.pass(5_000)
    refuse('gone')
    expect(world.told(old)).toEqual(['error unknown_instrument'])
  })
})

it('a socket that takes the place of another is asked for everything anew', () => {
  const world = new LinkWorld()
  const [first, second] = [world.client(), world.client()]
  world.ask(first, 'a')
  world.open()
  world.accept(world.asked()[0])
  world.ask(second, 'b', 'ETH-USDT')
  expect(world.asked()).toHaveLength(1)
  world.told(first)
  world.open()
  expect(world.told(first)).toEqual(['gap'])
  expect(world.asked()).toHaveLength(2)
})

it('a topic stays while it may be what has just been asked for under another name', () => {
  const world = new LinkWorld()
  const [first, second] = [world.client(), world.client()]
  world.ask(first, 'a')
  world.open()
  world.accept(world.asked()[0])
  first.say({ op: 'unsubscribe', args: [{ channel: 'bbo', exchange: 'okx', symbol: 'BTC-USDT' }] }, world.now)
  world.pass(1_000)
  world.now += 10_000
  world.ask(second, 'b', 'cryptopair_okx_btcusdt')
  const [id] = world.asked()
  world.pass(1)
  world.accept(id)
  world.pass(1_000)
  expect(world.hub.audience(topicKey(BTC))).toBe(1)
  expect(world.sent.filter(({ op }) => op === 'unsubscribe')).toEqual([])
})

describe('a feed that is away', () => {
  it('is tried again later and later, at most 32 s apart', () => {
    const world = new LinkWorld()
    world.ask(world.client(), 'a')
    world.open()
    world.accept(world.asked()[0])
    const waits: number[] = []
    for (let tries = 0; tries < 9; tries++) {
      const { connects } = world
      world.close()
      let waited = 0
      for (; world.connects === connects; waited += 500) world.pass(500)
      waits.push(waited)
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000, 32_000])
  })
})
