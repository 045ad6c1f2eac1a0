import { describe, expect, it } from 'vitest'
import type { ClientTopic } from '../../src/domain/topic.ts'
import type { ClientHub } from '../../src/live/client-hub.ts'
import type { SubscribeRequest } from '../../src/live/hub-client.ts'
import { openEventStream } from '../../src/live/sse.ts'
import { createHub, TestClient } from './client.ts'

const KILOBYTE = 1_024
const MEGABYTE = 1_024 * KILOBYTE
/** As large as that of a book of 1,000 levels a side. */
const STATE = `{"type":"book","exchange":"okx","symbol":"A-USDT","seq":0,"prevSeq":0,"data":{"depth":1000,"bids":"${'x'.repeat(52_000)}"}}`

const bookArg = (n: number) => ({ channel: 'book', exchange: 'okx', symbol: `A${n}-USDT`, depth: 1000 })
const bookTopic = (n: number): ClientTopic => ({
  ...{ channel: 'book', exchange: 'okx', symbol: `A${n}-USDT` },
  ...{ interval: null, depth: 1000 },
})
const many = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n))

function accept(hub: ClientHub, requests: readonly SubscribeRequest[]): void {
  for (const request of requests) hub.accept(request, { topic: request.topic, epoch: 'e', seq: 0, state: STATE })
}

const sentTo = ({ frames }: TestClient): number => frames.reduce((sum, { length }) => sum + length, 0)
const typesOf = (client: TestClient, type: string) => client.messages.filter((message) => message.type === type)

describe('a topic that is named more than once', () => {
  it('in a command counts once', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    const again = { ...bookArg(0), symbol: 'A0/USDT' }
    accept(hub, client.say({ op: 'subscribe', id: 1, args: [...many(100, () => bookArg(0)), again] }))
    hub.flush(0)
    expect(typesOf(client, 'subscribed')).toHaveLength(1)
    expect(sentTo(client)).toBeLessThan(60 * KILOBYTE)
  })

  it('in another command is answered again', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    for (const id of [1, 2]) accept(hub, client.say({ op: 'subscribe', id, args: [bookArg(0)] }))
    hub.flush(0)
    expect(typesOf(client, 'subscribed').map(({ id }) => id)).toEqual([1, 2])
    expect(typesOf(client, 'book')).toHaveLength(2)
  })
})

describe('200 deep books', () => {
  const args = many(200, bookArg)

  it('go out in slices, as they are read', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    accept(hub, client.say({ op: 'subscribe', id: 1, args }))
    let most = 0
    for (let now = 0; now < 20_000 && typesOf(client, 'subscribed').length < 200; now += 100) {
      const before = sentTo(client)
      hub.flushAll(now)
      accept(hub, hub.takeDue(now))
      most = Math.max(most, sentTo(client) - before)
      client.pong(now)
    }
    expect(typesOf(client, 'subscribed').map(({ id }) => id)).toEqual(Array(200).fill(1))
    expect(typesOf(client, 'slow')).toEqual([])
    expect(most).toBeLessThan(700 * KILOBYTE)
  })

  it('are refused to a client that does not read, after 10 s', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    accept(hub, client.say({ op: 'subscribe', id: 1, args }))
    for (let now = 0; now < 10_000; now += 100) {
      hub.flushAll(now)
      accept(hub, hub.takeDue(now))
    }
    expect(sentTo(client)).toBeLessThan(600 * KILOBYTE)
    expect(typesOf(client, 'error')).toEqual([])
    expect(hub.takeDue(10_000)).toEqual([])
    hub.flushAll(10_100)
    const errors = typesOf(client, 'error')
    expect(errors).toMatchObject(Array(errors.length).fill({ id: 1, code: 'rate_limited' }))
    expect(errors.length + typesOf(client, 'subscribed').length).toBe(200)
    expect(client.client.requests.size).toBe(0)
  })

  it('do not hold up what is small, and may be cancelled while they wait', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    client.say({ op: 'subscribe', id: 1, args: args.slice(1) })
    expect(
      client.say({ op: 'subscribe', id: 2, args: [{ ...bookArg(0), channel: 'trades', depth: undefined }] }),
    ).toHaveLength(1)
    client.say({ op: 'unsubscribe', id: 3, args: [bookArg(199)] }, 60_000)
    hub.flushAll(60_000)
    expect(client.read()).toMatchObject([
      { type: 'error', id: 1, code: 'cancelled' },
      { type: 'unsubscribed', id: 3 },
      {},
    ])
  })

  it('that wait come before those that are asked for later', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    const symbols = (requests: readonly SubscribeRequest[]) => requests.map(({ topic }) => topic.symbol)
    const first = client.say({ op: 'subscribe', id: 1, args: args.slice(0, 100) })
    for (const request of first) hub.refuse(request, 'unknown_instrument', 'there is none')
    // Nothing was sent for those, so there is room again.
    hub.flushAll(0)
    const second = client.say({ op: 'subscribe', id: 2, args: args.slice(100, 102) })
    expect(symbols([...first, ...second])).toEqual(args.slice(0, first.length * 2).map(({ symbol }) => symbol))
  })

  it('are kept with the socket also while they wait', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    accept(hub, client.say({ op: 'subscribe', id: 1, args }))
    expect(hub.takeChanged()).toEqual([client.client])
    expect(hub.attachment(client.client).topics).toEqual(args.map(({ symbol }) => `book:okx:${symbol}:1000`))
  })

  it('take no more than all clients together may hold', () => {
    const hub = createHub()
    const clients = many(100, () => new TestClient(hub))
    // Those that are handed on and not answered yet count, too.
    const requests = clients.flatMap((client) => [...client.say({ op: 'subscribe', args })])
    accept(hub, requests)
    hub.flushAll(0)
    accept(hub, hub.takeDue(0))
    expect(clients.reduce((sum, client) => sum + sentTo(client), 0)).toBeLessThan(33 * MEGABYTE)
  })

  it('may be asked for anew so often, and no more', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    for (let now = 0; now < 60_000 && client.closed === undefined; now += 10_000)
      client.say({ op: 'subscribe', args }, now)
    expect(typesOf(client, 'error')).toMatchObject([{ code: 'rate_limited' }])
    expect(client.closed?.code).toBe(1008)
  })
})

describe('a stream of events', () => {
  /** Opens one that has these topics. */
  async function open(topics: readonly ClientTopic[]) {
    const hub = createHub()
    const settle = (_: unknown, requests: readonly SubscribeRequest[]) => accept(hub, requests)
    const stream = await openEventStream({ hub, now: () => 0, settle }, topics)
    if (!(stream instanceof ReadableStream)) throw new Error(stream.detail)
    const reader = stream.getReader()
    const decoder = new TextDecoder()
    /** Reads until so much has come. */
    const read = async (isEnough: (text: string) => boolean): Promise<string> => {
      let text = ''
      for (let now = 0; !isEnough(text) && now < 60_000; now += 100) {
        text += decoder.decode((await reader.read()).value)
        hub.flushAll(now)
        accept(hub, hub.takeDue(now))
      }
      return text
    }
    return { hub, read }
  }
  const count = (text: string) => text.split('"type":"subscribed"').length - 1

  it('has each topic once', async () => {
    const { hub, read } = await open(many(200, () => bookTopic(0)))
    hub.flushAll(0)
    expect(count(await read((text) => text.includes('subscribed')))).toBe(1)
    expect(hub.audience('book:okx:A0-USDT:1000')).toBe(1)
  })

  it('of 200 deep books opens with the first, and goes on as it is read', async () => {
    const { hub, read } = await open(many(200, bookTopic))
    for (let now = 0; now < 1_000; now += 100) {
      hub.flushAll(now)
      accept(hub, hub.takeDue(now))
      expect(hub.wakeAt - now).toBe(100)
    }
    const early = many(200, (n) => hub.audience(`book:okx:A${n}-USDT:1000`)).reduce((sum, n) => sum + n, 0)
    expect(early).toBeLessThan(12)
    expect(count(await read((text) => count(text) === 200))).toBe(200)
  })

  it('that is refused names the place of the topic, also behind one that is named twice', async () => {
    const hub = createHub()
    const settle = (_: unknown, requests: readonly SubscribeRequest[]) => {
      for (const request of requests) {
        if (request.topic.symbol === 'A1-USDT') hub.refuse(request, 'unknown_instrument', 'there is none')
        else accept(hub, [request])
      }
    }
    const answer = await openEventStream({ hub, now: () => 0, settle }, [0, 0, 1].map(bookTopic))
    expect(answer).toMatchObject({ ok: false, errors: [{ path: 'topic[2]', message: 'there is none' }] })
  })
})

describe('list', () => {
  const args = many(200, (n) => ({ channel: 'trades', exchange: 'okx', symbol: `A${n}-USDT` }))

  /** A client that has 200 topics. */
  function start() {
    const hub = createHub()
    const client = new TestClient(hub)
    for (const request of client.say({ op: 'subscribe', args })) {
      hub.accept(request, { topic: request.topic, epoch: 'e', seq: 0, state: null })
    }
    hub.flush(0)
    return client
  }

  it('may follow 200 subscriptions at once', () => {
    const client = start()
    client.say({ op: 'list' })
    expect(client.closed).toBeUndefined()
  })

  it('counts by the size of its answer', () => {
    const client = start()
    for (let n = 0; n < 290; n++) client.say({ op: 'list' }, 60_000)
    expect(typesOf(client, 'error')).toMatchObject([{ code: 'rate_limited' }])
    expect(sentTo(client)).toBeLessThan(0.5 * MEGABYTE)
  })
})

describe('what is said to a client', () => {
  it('makes it slow where it is too much, before the next flush', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    for (let n = 0; n < 22; n++) hub.sendTo(client.client, STATE)
    expect(client.client.queue.isSlow).toBe(true)
  })

  it('ends it where it is far too much, and nothing more goes out', () => {
    const hub = createHub()
    const client = new TestClient(hub)
    const text = `{"type":"x","data":{"y":"${'x'.repeat(MEGABYTE)}"}}`
    for (let n = 0; n < 30; n++) hub.sendTo(client.client, text)
    expect(client.closed?.code).toBe(1008)
    const frames = client.frames.length
    for (let n = 0; n < 3; n++) hub.sendTo(client.client, text)
    hub.flush(100)
    expect(client.frames).toHaveLength(frames)
    expect(hub.size).toBe(0)
  })
})
