import { retryAfterMs } from '../src/exchanges/outcome.ts'

/** However fast the clock runs, an upgrade has this long in real time. */
const CONNECT_TIMEOUT_MS = 10_000
const SWITCHING_PROTOCOLS = 101

/** What becomes of the sockets of a feed. */
export interface SocketEvents {
  opened(id: number): void
  refused(id: number, status: number | null, retryAfterMs: number | null, reason: string): void
  closed(id: number, reason: string): void
  frame(id: number, text: string): void
}

/** The sockets that a feed has open to its exchange, by number. What happens on one that was closed is not told. */
export class UpstreamSockets {
  readonly #events: SocketEvents
  readonly #headers: Readonly<Record<string, string>>
  readonly #sockets = new Map<number, WebSocket | null>()

  constructor(headers: Readonly<Record<string, string>>, events: SocketEvents) {
    this.#headers = headers
    this.#events = events
  }

  /** Opens one: by `fetch` on the https URL, as the runtime wants it.
   *  https://developers.cloudflare.com/workers/examples/websockets/#write-a-websocket-client */
  async connect(id: number, url: string): Promise<void> {
    this.#sockets.set(id, null)
    // A signal that fires later would end the socket itself: this one is called off once the upgrade is answered.
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(), CONNECT_TIMEOUT_MS)
    try {
      const headers = { ...this.#headers, Upgrade: 'websocket' }
      const response = await fetch(url, { headers, signal: controller.signal })
      clearTimeout(timer)
      const socket = response.webSocket
      if (!this.#sockets.has(id)) return discard(socket)
      if (response.status !== SWITCHING_PROTOCOLS || socket === null) {
        this.#sockets.delete(id)
        // The rest of a broken answer says nothing more: whether it can be cancelled does not matter.
        response.body?.cancel().catch(() => undefined)
        const reason = `the upgrade was answered with ${response.status}`
        return this.#events.refused(id, response.status, retryAfterMs(response.headers), reason)
      }
      this.#listen(id, socket)
    } catch (error) {
      clearTimeout(timer)
      if (!this.#sockets.delete(id)) return
      this.#events.refused(id, null, null, error instanceof Error ? error.message : 'no connection')
    }
  }

  send(id: number, frame: string): void {
    const socket = this.#sockets.get(id)
    try {
      socket?.send(frame)
    } catch {
      this.#ended(id, 'the socket took nothing any more')
    }
  }

  close(id: number, reason: string): void {
    const socket = this.#sockets.get(id)
    this.#sockets.delete(id)
    try {
      socket?.close(1000, reason.slice(0, 100))
    } catch {
      // It was closed already.
    }
  }

  #listen(id: number, socket: WebSocket): void {
    this.#sockets.set(id, socket)
    socket.addEventListener('message', ({ data }) => {
      if (this.#sockets.has(id)) this.#events.frame(id, typeof data === 'string' ? data : '')
    })
    socket.addEventListener('close', ({ code, reason }) => {
      this.#ended(id, `closed by the exchange with ${code}${reason === '' ? '' : `: ${reason}`}`)
    })
    socket.addEventListener('error', () => this.#ended(id, 'the connection broke'))
    socket.accept()
    this.#events.opened(id)
  }

  #ended(id: number, reason: string): void {
    if (this.#sockets.delete(id)) this.#events.closed(id, reason)
  }
}

/** One that nobody wants any more: the runtime closes only what it was told to accept. */
function discard(socket: WebSocket | null): void {
  try {
    socket?.accept()
    socket?.close(1000, 'not wanted any more')
  } catch {
    // It was closed already.
  }
}
