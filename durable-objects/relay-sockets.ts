import type { FeedStub } from '../src/deps.ts'
import { RELAY_ROLE, ROLE_HEADER } from '../src/live/relay-role.ts'

const SWITCHING_PROTOCOLS = 101
const LOST = 'the link to the feed was lost'

/** What becomes of the links of a relay. */
export interface LinkEvents {
  opened(exchange: string): void
  closed(exchange: string, reason: string): void
  received(exchange: string, frame: string): void
}

/** One attempt to reach a feed, and the socket that came of it. */
interface Link {
  socket: WebSocket | null
}

/** The sockets that a relay has open to feeds, one an exchange. What happens on one that was closed is not told. */
export class RelaySockets {
  readonly #feed: (exchange: string) => FeedStub
  readonly #events: LinkEvents
  /** The newest attempts: one that was given up may still be answered, and counts no more. */
  readonly #links = new Map<string, Link>()

  constructor(feed: (exchange: string) => FeedStub, events: LinkEvents) {
    this.#feed = feed
    this.#events = events
  }

  async connect(exchange: string): Promise<void> {
    this.disconnect(exchange)
    const link: Link = { socket: null }
    this.#links.set(exchange, link)
    try {
      const headers = { Upgrade: 'websocket', [ROLE_HEADER]: RELAY_ROLE }
      const response = await this.#feed(exchange).fetch(`https://feed/v1/stream/${exchange}`, { headers })
      if (response.status === SWITCHING_PROTOCOLS && response.webSocket !== null) {
        this.#listen(exchange, link, response.webSocket)
        return
      }
      await response.body?.cancel()
      this.#ended(exchange, link, `the feed answered with ${response.status}`)
    } catch (error) {
      console.error('a relay cannot reach a feed', { exchange, error: String(error) })
      this.#ended(exchange, link, 'the feed cannot be reached')
    }
  }

  send(exchange: string, text: string): void {
    const link = this.#links.get(exchange)
    try {
      link?.socket?.send(text)
    } catch {
      this.#ended(exchange, link, LOST)
    }
  }

  /** Ends the socket, or the attempt to get one. */
  disconnect(exchange: string): void {
    const link = this.#links.get(exchange)
    this.#links.delete(exchange)
    end(link?.socket)
  }

  #listen(exchange: string, link: Link, socket: WebSocket): void {
    const isCurrent = () => this.#links.get(exchange) === link
    socket.addEventListener('message', ({ data }) => {
      if (isCurrent() && typeof data === 'string') this.#events.received(exchange, data)
    })
    socket.addEventListener('close', () => this.#ended(exchange, link, LOST))
    socket.addEventListener('error', () => this.#ended(exchange, link, LOST))
    // One that is not accepted cannot be closed either.
    socket.accept()
    if (!isCurrent()) {
      end(socket)
      return
    }
    link.socket = socket
    this.#events.opened(exchange)
  }

  #ended(exchange: string, link: Link | undefined, reason: string): void {
    if (link === undefined || this.#links.get(exchange) !== link) return
    this.disconnect(exchange)
    this.#events.closed(exchange, reason)
  }
}

function end(socket: WebSocket | null | undefined): void {
  try {
    socket?.close(1000, 'not needed')
  } catch {
    // It was closed already.
  }
}
