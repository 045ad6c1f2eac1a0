import { describe, expect, it } from 'vitest'
import { RelaySockets } from '../../durable-objects/relay-sockets.ts'
import type { FeedStub } from '../../src/deps.ts'

/** A WebSocket of workerd, as far as a relay needs one. */
class FakeSocket extends EventTarget {
  readonly sent: string[] = []
  isAccepted = false
  isClosed = false

  accept(): void {
    this.isAccepted = true
  }

  send(text: string): void {
    if (!this.isAccepted || this.isClosed) throw new Error('not open')
    this.sent.push(text)
  }

  close(): void {
    if (!this.isAccepted) throw new Error('not open')
    this.isClosed = true
  }

  say(data: string): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }))
  }
}

/** A feed that answers when it is told to. */
function createSockets() {
  const upgrades: ((response: unknown) => void)[] = []
  const told: string[] = []
  const stub: unknown = { fetch: () => new Promise((resolve) => upgrades.push(resolve)) }
  const sockets = new RelaySockets(() => stub as FeedStub, {
    opened: (exchange) => told.push(`${exchange} opened`),
    closed: (exchange, reason) => told.push(`${exchange} closed: ${reason}`),
    received: (_, frame) => told.push(frame),
  })
  const answer = async (socket: FakeSocket | null, status = 101) => {
    upgrades.shift()?.({ status, webSocket: socket, body: null })
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  }
  return { sockets, told, answer }
}

describe('the sockets of a relay', () => {
  it('tell what happens on them', async () => {
    const { sockets, told, answer } = createSockets()
    void sockets.connect('okx')
    const socket = new FakeSocket()
    await answer(socket)
    socket.say('[1]')
    sockets.send('okx', 'hello')
    expect(socket.sent).toEqual(['hello'])
    socket.dispatchEvent(new Event('close'))
    socket.say('[2]')
    void sockets.connect('okx')
    await answer(null, 503)
    expect(told).toEqual([
      'okx opened',
      '[1]',
      'okx closed: the link to the feed was lost',
      'okx closed: the feed answered with 503',
    ])
  })

  it('are not those of an attempt that was given up, whenever it is answered', async () => {
    const { sockets, told, answer } = createSockets()
    void sockets.connect('okx')
    sockets.disconnect('okx')
    void sockets.connect('okx')
    const [late, current] = [new FakeSocket(), new FakeSocket()]
    await answer(late)
    expect([told, late.isClosed]).toEqual([[], true])
    await answer(current)
    late.say('[1]')
    late.dispatchEvent(new Event('close'))
    current.say('[2]')
    sockets.send('okx', 'hello')
    expect([told, current.sent]).toEqual([['okx opened', '[2]'], ['hello']])
  })

  it('do not end because an attempt before them has failed', async () => {
    const { sockets, told, answer } = createSockets()
    void sockets.connect('okx')
    sockets.disconnect('okx')
    void sockets.connect('okx')
    await answer(null, 503)
    await answer(new FakeSocket())
    expect(told).toEqual(['okx opened'])
  })
})
