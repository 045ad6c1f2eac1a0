/**
 * The exchange of the streaming benchmark, a process of its own: frames that were made before, sent as fast as the socket
 * takes them or at a steady rate, and the books that they amount to over REST.
 */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { z } from 'zod'
import { listen } from './stream-listen.ts'
import { ASSETS, FULL_MIX, type MarketBook, StreamMarket, TRADES_ONLY } from './stream-market.ts'

const question = z.union([
  z.object({ ask: z.literal('listen') }),
  z.object({
    ask: z.literal('send'),
    frames: z.int().positive(),
    /** `null`: as many as are taken. */
    perSecond: z.number().positive().nullable(),
  }),
  z.object({ ask: z.literal('books'), depth: z.int() }),
])

const subscription = z.object({ id: z.int(), params: z.array(z.string()) })

/** Frames of one write. */
const BATCH = 200
const PACE_MS = 4
/** Well over what all streams are subscribed in. */
const QUIET_MS = 300

const market = new StreamMarket(process.argv[2] === 'trades' ? TRADES_ONLY : FULL_MIX)
let sent = 0
/** The connection that asked for streams last: the others are being closed. */
let upstream: Socket | undefined
let askedAt = 0

const sockets = new WebSocketServer({ noServer: true })
const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://exchange')
  const book = pathname === '/api/v3/depth' ? bookOf(searchParams) : undefined
  response.statusCode = book === undefined ? 404 : 200
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify(book ?? { code: -1121, msg: 'Invalid symbol.' }))
})
server.on('upgrade', (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, (client) => {
    client.on('error', () => client.terminate())
    client.on('message', (text) => {
      const { id, params } = subscription.parse(JSON.parse(String(text)))
      // The bare object asks for nothing by name, and counts all that comes.
      if (params.length > 0) client.send(JSON.stringify({ result: null, id }))
      if (request.socket !== upstream) upstream = request.socket
      askedAt = performance.now()
    })
  })
})

function bookOf(query: URLSearchParams): object | undefined {
  const book = market.book(query.get('symbol') ?? '', sent, Number(query.get('limit') ?? 100))
  return book && { lastUpdateId: book.sequence, bids: book.bids, asks: book.asks }
}

/** @returns when the first frame went out, ms UTC, and the ms from then on */
async function send(frames: number, perSecond: number | null): Promise<object> {
  while (upstream === undefined || performance.now() - askedAt < QUIET_MS) await pause(QUIET_MS / 10)
  const startedAt = Date.now()
  const from = performance.now()
  const last = sent + frames
  const first = sent
  while (sent < last) {
    const due = perSecond === null ? last : first + Math.floor(((performance.now() - from) * perSecond) / 1_000)
    while (sent < Math.min(due, last)) {
      const to = Math.min(sent + BATCH, due, last)
      const bytes = market.frames(sent, to, Date.now())
      sent = to
      if (!upstream.write(bytes)) await once(upstream, 'drain')
    }
    if (perSecond !== null) await pause(PACE_MS)
  }
  return { startedAt, elapsedMs: performance.now() - from }
}

async function answer(asked: z.infer<typeof question>): Promise<object> {
  switch (asked.ask) {
    case 'listen':
      return listen(server)
    case 'send':
      return send(asked.frames, asked.perSecond)
    case 'books':
      return { books: ASSETS.map((asset): MarketBook | undefined => market.book(`${asset}USDT`, sent, asked.depth)) }
  }
}

process.on('message', async (message) => process.send?.(await answer(question.parse(message))))
