import { WebSocket } from 'ws'
import { z } from 'zod'
import { splitFrame } from '../../src/live/messages.ts'

/** What a client got: the data alone, and how long that took. */
export interface Replayed {
  readonly messages: number
  readonly elapsedMs: number
}

const end = z.object({ type: z.literal('end'), data: z.object({ messages: z.int() }) })
const ping = z.object({ type: z.literal('ping'), id: z.int() })
const NEWLINE = 10

/** Reads a replay as lines. @throws where it does not end with `end`, or other lines came than that says */
export async function readLines(url: URL): Promise<Replayed> {
  const startedAt = performance.now()
  const response = await fetch(url)
  if (!response.ok || response.body === null) throw new Error(`${response.status} ${await response.text()}`)
  let lines = 0
  let tail = Buffer.alloc(0)
  for await (const bytes of response.body) {
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) lines++
    tail = Buffer.concat([tail, bytes]).subarray(-1_024)
  }
  const elapsedMs = performance.now() - startedAt
  const { data } = end.parse(JSON.parse(tail.toString().trimEnd().split('\n').at(-1) ?? ''))
  // `subscribed` of two channels, and `end` itself.
  if (lines !== data.messages + 3) throw new Error(`${lines} lines came, with ${data.messages} messages`)
  return { messages: data.messages, elapsedMs }
}

/** Reads a replay as frames, and answers its pings. @throws as {@link readLines} does */
export async function readSocket(url: string): Promise<Replayed> {
  const startedAt = performance.now()
  const socket = new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true })
  let count = 0
  let last = ''
  socket.on('message', (data) => {
    const messages = splitFrame(String(data))
    count += messages.length
    for (const message of messages.slice(-1)) {
      const asked = message.startsWith('{"type":"ping"') ? ping.parse(JSON.parse(message)) : undefined
      if (asked === undefined) last = message
      else {
        count--
        last = messages.at(-2) ?? last
        socket.send(JSON.stringify({ op: 'pong', id: asked.id }))
      }
    }
  })
  const code = await new Promise((resolve, reject) => socket.once('close', resolve).once('error', reject))
  const elapsedMs = performance.now() - startedAt
  if (code !== 1000) throw new Error(`closed with ${code} after ${last}`)
  const { data } = end.parse(JSON.parse(last))
  if (count !== data.messages + 3) throw new Error(`${count} messages came, with ${data.messages} of data`)
  return { messages: data.messages, elapsedMs }
}
