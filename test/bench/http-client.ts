import { connect, type Socket } from 'node:net'

const HEADERS_END = Buffer.from('\r\n\r\n')

/**
 * One HTTP/1.1 connection that is kept open, one request at a time. Node's own client takes as long as a small answer
 * of the worker does, and on a machine of few cores what it takes is taken from the worker.
 */
export class Connection {
  readonly #socket: Socket
  readonly #host: string
  #received: Buffer[] = []
  #settle: { resolve(status: number): void; reject(error: Error): void } | undefined

  private constructor(socket: Socket, host: string) {
    this.#socket = socket
    this.#host = host
    socket.on('data', (data) => this.#receive(data))
    socket.on('error', (error) => this.#settle?.reject(error))
    socket.on('close', () => this.#settle?.reject(new Error('the worker has closed the connection')))
  }

  static open(base: URL): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(base.port), base.hostname)
      socket.setNoDelay(true)
      socket.once('error', reject)
      socket.once('connect', () => resolve(new Connection(socket, base.host)))
    })
  }

  /** Sends a GET and resolves to its status when the whole answer is there. */
  get(path: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: ${this.#host}\r\n\r\n`)
    })
  }

  close(): void {
    this.#settle = undefined
    this.#socket.destroy()
  }

  #receive(data: Buffer): void {
    this.#received.push(data)
    const [first = data] = this.#received
    const answer = this.#received.length === 1 ? first : Buffer.concat(this.#received)
    this.#received = [answer]
    if (!isWhole(answer)) return
    this.#received = []
    this.#settle?.resolve(Number(answer.toString('latin1', 9, 12)))
  }
}

/** Whether an answer is complete: by its length, or by the last chunk. */
export function isWhole(answer: Buffer): boolean {
  const headersEnd = answer.indexOf(HEADERS_END)
  if (headersEnd < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.toString('latin1', 0, headersEnd))?.[1]
  if (length !== undefined) return answer.length >= headersEnd + HEADERS_END.length + Number(length)
  return answer.subarray(-7).toString('latin1') === '\r\n0\r\n\r\n'
}
