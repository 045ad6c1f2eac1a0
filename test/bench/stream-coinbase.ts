/**
 * A process that has order books as large as the real ones of Coinbase, sends each to whoever subscribes, changes them
 * when it is asked to, and gives them over REST to a feed that checks its own.
 */

import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { type WebSocket, WebSocketServer } from 'ws'
import { z } from 'zod'
import { randomOf } from './statistics.ts'
import { listen } from './stream-listen.ts'

const question = z.union([
  z.object({ ask: z.literal('listen') }),
  /** So many of each book that is subscribed to. */
  z.object({ ask: z.literal('update'), updates: z.int() }),
])

const subscription = z.object({
  type: z.string(),
  channels: z.array(z.object({ name: z.string(), product_ids: z.array(z.string()) })),
})

const SEED = 7
const MIDDLE = 50_000
/** On each side: so many levels within 10 % of the middle, and so many more up to 40 % away. */
const [NEAR, FAR] = [5_000, 3_000]
const [NEAR_STEP, FAR_STEP] = [1, 5]
const LEVELS = NEAR + FAR
/** Levels of a side that move in an update. */
const MOVES_PER_SIDE = 5
/** Between two updates of a book: five times as fast as the channel, which batches over 50 ms. */
const PACE_MS = 10
const sides = { buy: -1, sell: 1 } as const
type Side = keyof typeof sides

type Level = readonly [price: string, size: string]

/** A book that somebody has: the levels of each side, best first. */
interface Book extends Readonly<Record<Side, Level[]>> {
  readonly socket: WebSocket
}

const random = randomOf(SEED)
const books = new Map<string, Book>()
const server = createServer((request, response) => {
  const book = books.get(/^\/products\/([^/]+)\/book/.exec(request.url ?? '')?.[1] ?? '')
  response.statusCode = book === undefined ? 404 : 200
  response.setHeader('Content-Type', 'application/json')
  const time = new Date().toISOString()
  response.end(JSON.stringify(book ? { bids: book.buy, asks: book.sell, time } : { message: 'NotFound' }))
})
const sockets = new WebSocketServer({ server })
sockets.on('connection', (socket) => {
  socket.on('message', (text) => {
    const { type, channels } = subscription.parse(JSON.parse(String(text)))
    if (type !== 'subscribe') return
    socket.send(JSON.stringify({ type: 'subscriptions', channels }))
    for (const { name, product_ids } of channels) {
      if (name === 'level2_batch') for (const product of product_ids) open(product, socket)
    }
  })
})

function open(product_id: string, socket: WebSocket): void {
  const [bids, asks] = [levelsOf('buy'), levelsOf('sell')]
  books.set(product_id, { buy: bids, sell: asks, socket })
  socket.send(JSON.stringify({ type: 'snapshot', product_id, asks, bids, time: new Date().toISOString() }))
}

function levelsOf(side: Side): Level[] {
  return Array.from({ length: LEVELS }, (_, rank) => levelOf(side, rank))
}

/** Anywhere in the place that the level has: next to no other one. */
function levelOf(side: Side, rank: number): Level {
  const far = Math.max(0, rank - NEAR)
  const distance = (rank - far) * NEAR_STEP + far * FAR_STEP + random() * 0.9 + 0.05
  return [(MIDDLE + sides[side] * distance).toFixed(2), (random() * 9 + 0.1).toFixed(8)]
}

/** Levels, most of them near the best price, move to another one: the book stays as deep as it is. */
function update(product_id: string, book: Book): void {
  const changes = (['buy', 'sell'] as const).flatMap((side) =>
    Array.from({ length: MOVES_PER_SIDE }, () => {
      const rank = Math.floor(LEVELS * random() ** 3)
      const [from, to] = [book[side][rank], levelOf(side, rank)]
      book[side][rank] = to
      return [
        [side, from?.[0], '0.00000000'],
        [side, ...to],
      ]
    }).flat(),
  )
  book.socket.send(JSON.stringify({ type: 'l2update', product_id, changes, time: new Date().toISOString() }))
}

async function answer(asked: z.infer<typeof question>): Promise<object> {
  switch (asked.ask) {
    case 'listen':
      return listen(server)
    case 'update':
      for (let count = 0; count < asked.updates; count++) {
        for (const [product, book] of books) update(product, book)
        await pause(PACE_MS)
      }
      return {}
  }
}

process.on('message', async (message) => process.send?.(await answer(question.parse(message))))
