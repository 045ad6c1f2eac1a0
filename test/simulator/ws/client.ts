/** A raw client of a stream: for tests. */

import { once } from 'node:events'
import { WebSocket } from 'ws'

export type Frame = Readonly<Record<string, unknown>>

export interface TestStream {
  readonly socket: WebSocket
  /** All texts so far, as they came. */
  readonly texts: string[]
  /** Resolves with the close code; 1006 where the connection just ended. */
  readonly closed: Promise<number>
  send(message: unknown): void
  /** The first frame from `from` on (a count of texts) that passes; waits for it. */
  find(passes: (frame: Frame, text: string) => boolean, from?: number): Promise<Frame>
  /** All that passed so far. */
  all(passes: (frame: Frame) => boolean): Frame[]
  /** Resolves when all that was sent so far has come: by a ping's round trip. */
  settle(): Promise<void>
  close(): void
}

/** Opens a socket. @param url of http or ws */
export const openStream = async (url: string): Promise<TestStream> => {
  const socket = new WebSocket(url.replace('http', 'ws'), { perMessageDeflate: false })
  const texts: string[] = []
  const frames: Frame[] = []
  const waiting = new Set<() => void>()
  socket.on('message', (data) => {
    texts.push(String(data))
    frames.push(frameOf(String(data)))
    for (const look of waiting) look()
  })
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  await once(socket, 'open')
  socket.on('error', () => socket.terminate())
  const find: TestStream['find'] = (passes, from = 0) =>
    new Promise((resolve) => {
      let at = from
      const look = (): void => {
        for (; at < frames.length; at++) {
          const frame = frames[at] ?? {}
          if (!passes(frame, texts[at] ?? '')) continue
          waiting.delete(look)
          resolve(frame)
          break
        }
      }
      waiting.add(look)
      look()
    })
  return {
    socket,
    texts,
    closed,
    find,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    all: (passes) => frames.filter(passes),
    settle: async () => {
      socket.ping()
      await once(socket, 'pong')
    },
    close: () => socket.terminate(),
  }
}

/** The status and headers with which an upgrade was refused. @throws where it was not, or not by an answer */
export const refusalOf = (url: string): Promise<{ status: number; headers: Readonly<Record<string, unknown>> }> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url.replace('http', 'ws'))
    socket.once('open', () => reject(new Error('the upgrade was accepted')))
    socket.once('error', reject)
    socket.once('unexpected-response', (_, { statusCode = 0, headers }) => {
      resolve({ status: statusCode, headers })
      socket.terminate()
    })
  })

const frameOf = (text: string): Frame => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
