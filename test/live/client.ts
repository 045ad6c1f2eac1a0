import { z } from 'zod'
import { ClientHub, type HubOptions } from '../../src/live/client-hub.ts'
import type { HubClient, SubscribeRequest } from '../../src/live/hub-client.ts'
import { splitFrame } from '../../src/live/messages.ts'

const message = z.looseObject({
  type: z.string(),
  id: z.union([z.int(), z.string()]).nullish(),
  code: z.string().optional(),
  seq: z.int().nullish(),
  prevSeq: z.int().nullish(),
  data: z.looseObject({}).optional(),
})
export type Received = z.infer<typeof message>

export function createHub(options: Partial<HubOptions> = {}): ClientHub {
  let id = 0
  return new ClientHub({
    exchanges: ['okx', 'binance'],
    pathExchange: null,
    timeScale: 1,
    random: () => ++id / 1_000_000,
    stateOf: () => undefined,
    ...options,
  })
}

/** A client of a hub: what it gets, and what it says. */
export class TestClient {
  readonly #hub: ClientHub
  readonly client: HubClient
  readonly frames: string[] = []
  closed: { code: number; reason: string } | undefined
  /** As a socket that is gone. */
  isBroken = false
  #read = 0

  constructor(hub: ClientHub, now = 0, isInternal = false) {
    this.#hub = hub
    const socket = {
      send: (text: string) => {
        if (this.isBroken) throw new Error('the socket is gone')
        this.frames.push(text)
      },
      close: (code: number, reason: string) => {
        this.closed = { code, reason }
      },
    }
    this.client = hub.add(socket, isInternal, now)
  }

  say(command: unknown, now = 0): readonly SubscribeRequest[] {
    return this.#hub.receive(this.client, typeof command === 'string' ? command : JSON.stringify(command), now)
  }

  /** The messages of all frames. */
  get messages(): Received[] {
    return this.frames.flatMap(splitFrame).map((text) => message.parse(JSON.parse(text)))
  }

  /** Those that came since this was asked last. */
  read(): Received[] {
    const messages = this.messages.slice(this.#read)
    this.#read += messages.length
    return messages
  }

  /** Answers every ping that has come so far. */
  pong(now: number): void {
    for (const { type, id } of this.read()) if (type === 'ping') this.say({ op: 'pong', id }, now)
  }
}
