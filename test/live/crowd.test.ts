import { describe, expect, it } from 'vitest'
import type { ClientHub } from '../../src/live/client-hub.ts'
import type { HubClient } from '../../src/live/hub-client.ts'
import { EventStream } from '../../src/live/sse.ts'
import { createHub } from './client.ts'

const MEGABYTE = 1_024 * 1_024
const PING = /"type":"ping","id":(\d+)/g

/** A client of which only the sizes are kept, for there are many. */
class Member {
  readonly client: HubClient
  #hub: ClientHub
  #pings: number[] = []
  unanswered = 0
  isSlow = false
  isClosed = false

  constructor(hub: ClientHub, now = 0) {
    this.#hub = hub
    const socket = {
      send: (text: string) => {
        this.unanswered += text.length
        this.isSlow ||= text.includes('"type":"slow","data":{"conflated":true')
        for (const [, id] of text.matchAll(PING)) this.#pings.push(Number(id))
      },
      close: () => {
        this.isClosed = true
      },
    }
    this.client = hub.add(socket, false, now)
  }

  pong(now: number): void {
    const pings = this.#pings.splice(0)
    if (pings.length > 0) this.unanswered = 0
    for (const id of pings) this.#hub.receive(this.client, `{"op":"pong","id":${id}}`, now)
  }
}

const TEXT = `"${'x'.repeat(10_000)}"`
const members = (hub: ClientHub, count: number) => Array.from({ length: count }, () => new Member(hub))
const held = (all: readonly Member[]) =>
  all.reduce((sum, { isClosed, unanswered }) => sum + (isClosed ? 0 : unanswered), 0)

describe('clients that never answer', () => {
  it('hold no more than 32 MB together, however little each', () => {
    const hub = createHub()
    const all = members(hub, 2_000)
    let most = 0
    for (let now = 0; now < 3_600_000; now += 5_000) {
      if (now < 125_000) for (const { client, isClosed } of all) if (!isClosed) hub.sendTo(client, TEXT)
      hub.flushAll(now)
      hub.flushAll(now + 100)
      if (now > 10_000) most = Math.max(most, held(all))
    }
    expect(most).toBeLessThan(33 * MEGABYTE)
    const closed = all.filter(({ isClosed }) => isClosed)
    expect(closed.length).toBeGreaterThan(1_000)
    expect(closed.filter(({ isSlow }) => !isSlow)).toEqual([])
  })

  it('go before those that do, the longest silent first', () => {
    const hub = createHub()
    const late = members(hub, 100)
    for (const { client } of late) hub.sendTo(client, TEXT.repeat(20))
    hub.flushAll(0)
    const [later, readers] = [members(hub, 100), members(hub, 100)]
    for (let now = 10_000; now < 30_000; now += 1_000) {
      for (const { client, isClosed } of [...later, ...readers]) if (!isClosed) hub.sendTo(client, TEXT)
      hub.flushAll(now)
      for (const reader of readers) reader.pong(now)
    }
    expect(readers.filter(({ isSlow, isClosed }) => isSlow || isClosed)).toEqual([])
    const lost = late.filter(({ isClosed }) => isClosed).length
    expect(lost).toBeGreaterThan(20)
    expect(later.filter(({ isClosed }) => isClosed)).toEqual([])
  })
})

it('a client that is slow by what others hold is well again when it has answered', () => {
  const hub = createHub()
  const all = members(hub, 200)
  for (const { client } of all) hub.sendTo(client, TEXT.repeat(20))
  for (const now of [0, 5_000, 7_000]) hub.flushAll(now)
  // There is room again before any has to go.
  for (const member of all.slice(100)) member.pong(7_010)
  hub.flushAll(7_020)
  const slow = all.filter(({ isSlow }) => isSlow)
  expect(slow.length).toBeGreaterThan(20)
  hub.flushAll(60_000)
  expect(slow.every(({ client, isClosed }) => client.queue.isSlow && !isClosed)).toBe(true)
  for (const member of slow) member.pong(60_100)
  hub.flushAll(60_200)
  expect(slow.some(({ client }) => client.queue.isSlow)).toBe(false)
})

it('clients are asked sooner what they have read while they have much unanswered', () => {
  const hub = createHub()
  const all = members(hub, 150)
  for (const { client } of all) hub.sendTo(client, TEXT.repeat(12))
  hub.flushAll(100)
  hub.flushAll(1_200)
  for (const member of all) member.pong(1_300)
  expect(held(all)).toBe(0)
})

it('streams of events that nobody reads hold no more than 32 MB together', () => {
  const hub = createHub()
  const streams = Array.from({ length: 400 }, () => new EventStream(() => undefined))
  const clients = streams.map((stream) => hub.add(stream, false, 0))
  for (let now = 0; now < 20_000; now += 1_000) {
    for (const client of clients) if (client.queue.isOpen) hub.sendTo(client, TEXT)
    hub.flushAll(now)
    hub.flushAll(now + 100)
  }
  const unread = clients.map(({ queue }, index) => (queue.isOpen ? (streams[index]?.buffer.unsent() ?? 0) : 0))
  expect(unread.reduce((sum, size) => sum + size, 0)).toBeLessThan(40 * MEGABYTE)
  expect(hub.size).toBeLessThan(300)
})
