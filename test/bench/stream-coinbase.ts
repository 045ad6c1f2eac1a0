/** A process that has order books as large as the real ones of Coinbase, and sends each to whoever subscribes. */

import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { z } from 'zod'
import { randomOf } from './statistics.ts'

const subscription = z.object({
  type: z.string(),
  channels: z.array(z.object({ name: z.string(), product_ids: z.array(z.string()) })),
})

const SEED = 7
const MIDDLE = 50_000
/** On each side: so many levels within 10 % of the middle, and so many more up to 40 % away. */
const [NEAR, FAR] = [5_000, 3_000]
const [NEAR_STEP, FAR_STEP] = [1, 5]

const random = randomOf(SEED)
const server = createServer()
const sockets = new WebSocketServer({ server })
sockets.on('connection', (socket) => {
  socket.on('message', (text) => {
    const { type, channels } = subscription.parse(JSON.parse(String(text)))
    if (type !== 'subscribe') return
    socket.send(JSON.stringify({ type: 'subscriptions', channels }))
    for (const { name, product_ids } of channels) {
      if (name === 'level2_batch') for (const product of product_ids) socket.send(snapshot(product))
    }
  })
})

function snapshot(product_id: string): string {
  const [bids, asks] = [side(-1), side(1)]
  return JSON.stringify({ type: 'snapshot', product_id, asks, bids, time: new Date().toISOString() })
}

function side(sign: number): string[][] {
  return Array.from({ length: NEAR + FAR }, (_, rank) => {
    const far = Math.max(0, rank - NEAR)
    const distance = (rank - far) * NEAR_STEP + far * FAR_STEP + random() * 0.9 + 0.05
    return [(MIDDLE + sign * distance).toFixed(2), (random() * 9 + 0.1).toFixed(8)]
  })
}

process.on('message', () => {
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    process.send?.({ port: typeof address === 'object' ? address?.port : undefined })
  })
})
