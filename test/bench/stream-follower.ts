/** One client of the streaming benchmark that follows everything: every sequence number, and every book by its changes. */

import { WebSocket } from 'ws'
import { z } from 'zod'
import { ASSETS } from './stream-market.ts'

const question = z.union([
  z.object({ ask: z.literal('open'), url: z.url(), args: z.array(z.unknown()) }),
  /** Until so many trades, or messages of `echo`, have come since it was opened. */
  z.object({ ask: z.literal('await'), count: z.int() }),
  /** Until every book has been seen. */
  z.object({ ask: z.literal('await-books') }),
  /** Until every book has changed since, and none does any more. */
  z.object({ ask: z.literal('await-rest') }),
  z.object({ ask: z.literal('report') }),
])

/** A client that has heard nothing for so long will hear nothing more. */
const PATIENCE_MS = 10_000
const POLL_MS = 5
/** Books that have not changed for so long are at rest: five times as long as a feed waits at most with what it sends. */
const REST_MS = 500
/** How a frame of the bare object begins, and each message in it: they are only counted. */
const [ECHOED, ECHOED_MESSAGE] = ['[{"receivedTime":', '{"stream":']

const level = z.tuple([z.string(), z.string()])
const bookMessage = z.object({
  symbol: z.string(),
  data: z.object({
    kind: z.enum(['snapshot', 'update']),
    bids: z.array(level),
    asks: z.array(level),
    sequence: z.int().nullable(),
  }),
})

interface Book {
  readonly bids: Map<string, string>
  readonly asks: Map<string, string>
  sequence: number
  hasChanged: boolean
}

const books = new Map<string, Book>(
  ASSETS.map((asset) => [`${asset}-USDT`, { bids: new Map(), asks: new Map(), sequence: 0, hasChanged: false }]),
)
const lastSeq = new Map<string, number>()
/** What a client that only ever gets what it should get never sees. */
const faults: string[] = []
let subscribed = 0
let count = 0
/** When the newest of them was taken in, as the feed or `echo` says itself: not when it came here. ms UTC. */
let takenAt = 0
let receivedAt = 0
let changedAt = 0

/** Trusts the shape of what comes by the thousand, and checks the rest. */
function receive(socket: WebSocket, frame: string): void {
  receivedAt = Date.now()
  if (frame.startsWith(ECHOED)) {
    count += frame.split(ECHOED_MESSAGE).length - 1
    takenAt = Number(frame.slice(ECHOED.length, frame.indexOf('}')))
    return
  }
  const messages: Record<string, unknown>[] = JSON.parse(frame)
  for (const one of messages) {
    switch (one['type']) {
      case 'trade':
        count += 1
        takenAt = Number(one['receivedTime'])
        follow(one)
        break
      case 'bbo':
        follow(one)
        break
      case 'book':
        follow(one)
        applyBook(one)
        break
      case 'subscribed':
        subscribed += 1
        lastSeq.set(`${one['channel']}:${one['symbol']}`, z.int().parse(one['seq']))
        break
      case 'ping':
        socket.send(JSON.stringify({ op: 'pong', id: one['id'] }))
        break
      // It gets less often what can be merged: nothing is missing by that.
      case 'slow':
        break
      default:
        faults.push(JSON.stringify(one).slice(0, 200))
    }
  }
}

const channelOf: Readonly<Record<string, string>> = { trade: 'trades' }

function follow(one: Record<string, unknown>): void {
  const { type, symbol } = one
  const key = `${channelOf[String(type)] ?? type}:${symbol}`
  const { seq, prevSeq } = one
  if (typeof seq !== 'number' || lastSeq.get(key) !== prevSeq) faults.push(`${key}: ${seq} follows ${lastSeq.get(key)}`)
  else lastSeq.set(key, seq)
}

function applyBook(one: Record<string, unknown>): void {
  const { symbol, data } = bookMessage.parse(one)
  const book = books.get(symbol)
  if (book === undefined) return
  if (data.kind === 'snapshot') {
    book.bids.clear()
    book.asks.clear()
  } else {
    book.hasChanged = true
  }
  changedAt = receivedAt
  for (const side of ['bids', 'asks'] as const) {
    for (const [price, size] of data[side]) {
      if (size === '0') book[side].delete(price)
      else book[side].set(price, size)
    }
  }
  book.sequence = data.sequence ?? 0
}

async function open(url: string, args: readonly unknown[]): Promise<object> {
  const socket = new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true })
  socket.on('message', (data) => receive(socket, String(data)))
  socket.on('close', (code, reason) => faults.push(`closed with ${code} ${reason}`))
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  if (args.length > 0) socket.send(JSON.stringify({ op: 'subscribe', id: 1, args }))
  await until(() => subscribed === args.length)
  return {}
}

async function until(holds: () => boolean): Promise<void> {
  receivedAt = Date.now()
  while (!holds()) {
    if (Date.now() - receivedAt > PATIENCE_MS) throw new Error(`the client waits in vain: ${faults.slice(0, 3)}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

function report(): object {
  const sorted = (side: Map<string, string>, sign: number) =>
    [...side].sort(([a], [b]) => sign * (Number(a) - Number(b)))
  return {
    faults,
    books: [...books.values()].map(({ bids, asks, sequence }) => ({
      sequence,
      bids: sorted(bids, -1),
      asks: sorted(asks, 1),
    })),
  }
}

async function answer(asked: z.infer<typeof question>): Promise<object> {
  switch (asked.ask) {
    case 'open':
      return open(asked.url, asked.args)
    case 'await':
      await until(() => count >= asked.count)
      return { takenAt }
    case 'await-books':
      await until(() => [...books.values()].every(({ bids }) => bids.size > 0))
      return {}
    case 'await-rest':
      await until(() => Date.now() - changedAt > REST_MS && [...books.values()].every(({ hasChanged }) => hasChanged))
      return {}
    case 'report':
      return report()
  }
}

process.on('message', async (asked) => process.send?.(await answer(question.parse(asked))))
