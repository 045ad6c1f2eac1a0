import type { FeedStub } from '../src/deps.ts'
import { RELAY_ROLE, ROLE_HEADER } from '../src/live/relay-role.ts'

const SWITCHING_PROTOCOLS = 101

/** What becomes of the links of a relay. */
export interface LinkEvents {
  opened(exchange: string): void
  closed(exchange: string, reason: string): void
  received(exchange: string, frame: string): void
}

/** The sockets that a relay has open to feeds, one an exchange. What happens on one that was closed is not told. */
export class RelaySockets {
  readonly #feed: (exchange: string) => FeedStub
  readonly #events: LinkEvents
  readonly #sockets = new Map<string, WebSocket>()

  constructor(feed: (exchange: string) => FeedStub, events: LinkEvents) {
    this.#feed = feed
    this.#events = events
  }

  async connect(exchange: string): Promise<void> {
    try {
      const headers = { Upgrade: 'websocket', [ROLE_HEADER]: RELAY_ROLE }
      const response = await this.#feed(exchange).fetch(`https://feed/v1/stream/${exchange}`, { headers })
      if (response.status === SWITCHING_PROTOCOLS && response.webSocket !== null) {
        this.#listen(exchange, response.webSocket)
        return
      }
      await response.body?.cancel()
      this.#events.closed(exchange, `the feed answered with ${response.status}`)
    } catch (error) {
      console.error('a relay cannot reach a feed', { exchange, error: String(error) })
      this.#events.closed(exchange, 'the feed cannot be reached')
    }
  }

  send(exchange: string, text: string): void {
    const socket = this.#sockets.get(exchange)
    try {
      socket?.send(text)
    } catch {
      this.#ended(exchange, socket)
    }
  }

  disconnect(exchange: string): void {
    const socket = this.#sockets.get(exchange)
    this.#sockets.delete(exchange)
    try {
      socket?.close(1000, 'not needed')
    } catch {
      // It was closed already.
    }
  }

  #listen(exchange: string, socket: WebSocket): void {
    this.disconnect(exchange)
    this.#sockets.set(exchange, socket)
    socket.addEventListener('message', ({ data }) => {
      if (this.#sockets.get(exchange) === socket && typeof data === 'string') this.#events.received(exchange, data)
    })
    socket.addEventListener('close', () => this.#ended(exchange, socket))
    socket.addEventListener('error', () => this.#ended(exchange, socket))
    socket.accept()
    this.#events.opened(exchange)
  }

  #ended(exchange: string, socket: WebSocket | undefined): void {
    if (socket === undefined || this.#sockets.get(exchange) !== socket) return
    this.#sockets.delete(exchange)
    this.#events.closed(exchange, 'the link to the feed was lost')
  }
}
