/**
 * Many clients of the streaming benchmark in one process. Each checks that no trade of its symbols is missing. What that
 * takes is read from the bytes: to parse all messages would take more than the worker takes to send them.
 */

import { WebSocket } from 'ws'
import { z } from 'zod'
import { randomOf } from './statistics.ts'
import { ASSETS } from './stream-market.ts'

const question = z.union([
  z.object({ ask: z.literal('open'), url: z.url(), clients: z.int(), topics: z.int() }),
  z.object({ ask: z.literal('forget') }),
  /** Until so many trades have been delivered since they were forgotten. */
  z.object({ ask: z.literal('await'), deliveries: z.int() }),
])

const SEED = 5
/** Clients that have heard nothing for so long will hear nothing more. */
const PATIENCE_MS = 10_000
const POLL_MS = 5
/** So many sockets are opened at a time. */
const OPENING = 50
const MOST_DELAY_MS = 60_000

const text = new TextDecoder()
const TRADE = Buffer.from('{"type":"trade","exchange":"binance","symbol":"S')
/** Where the numbers of a trade begin: all before them is of the same length in every one. */
const TIME_AT = TRADE.length + '07-USDT","exchangeSymbol":"S07USDT","exchangeTime":'.length
const SEQ_AT = TIME_AT + '1763850000000,"receivedTime":1763850000000,"seq":'.length
const PREV_SEQ = ',"prevSeq":'.length
const [BRACE, ZERO, NINE] = [125, 48, 57]
/** `}},` stands between two trades, counted from the first brace. */
const BETWEEN = 3

let delivered = 0
let subscribed = 0
let receivedAt = 0
const faults: string[] = []
/** How many trades came so many ms after they were sent. */
const delays = new Float64Array(MOST_DELAY_MS)

/** Reads numbers one after the other. */
class Reader {
  readonly #bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  number(): number {
    let value = 0
    for (let code = this.#bytes[this.at]; code !== undefined && code >= ZERO && code <= NINE; ) {
      value = value * 10 + code - ZERO
      code = this.#bytes[++this.at]
    }
    return value
  }
}

function receive(socket: WebSocket, lastSeq: Float64Array, frame: Uint8Array): void {
  receivedAt = Date.now()
  for (let at = 1; at < frame.length; ) {
    if (!TRADE.equals(frame.subarray(at, at + TRADE.length))) {
      receivePlainly(socket, lastSeq, `[${text.decode(frame.subarray(at))}`)
      return
    }
    const reader = new Reader(frame, at + TRADE.length)
    const symbol = reader.number()
    reader.at = at + TIME_AT
    const delay = Math.min(Math.max(0, receivedAt - reader.number()), MOST_DELAY_MS - 1)
    reader.at = at + SEQ_AT
    const seq = reader.number()
    reader.at += PREV_SEQ
    const prevSeq = reader.number()
    if (lastSeq[symbol] !== prevSeq) faults.push(`S${symbol}: ${seq} follows ${lastSeq[symbol]}`)
    lastSeq[symbol] = seq
    delays[delay] = (delays[delay] ?? 0) + 1
    delivered += 1
    at = frame.indexOf(BRACE, reader.at) + BETWEEN
  }
}

const other = z.object({
  type: z.string(),
  id: z.unknown(),
  symbol: z.string().exactOptional(),
  seq: z.number().exactOptional(),
})

/** The rest of a frame, from the first message that is no trade. */
function receivePlainly(socket: WebSocket, lastSeq: Float64Array, json: string): void {
  const messages = z.array(z.unknown()).parse(JSON.parse(json))
  for (const message of messages) {
    const { type, id, symbol = '', seq = 0 } = other.parse(message)
    switch (type) {
      case 'ping':
        socket.send(JSON.stringify({ op: 'pong', id }))
        break
      case 'subscribed':
        lastSeq[Number(symbol.slice(1, 3))] = seq
        subscribed += 1
        break
      case 'trade':
        receive(socket, lastSeq, Buffer.from(JSON.stringify([message])))
        break
      default:
        faults.push(JSON.stringify(message).slice(0, 200))
    }
  }
}

/** Each client has other symbols, each symbol as many clients. */
function* choices(topics: number): Generator<readonly string[]> {
  const random = randomOf(SEED)
  for (;;) {
    const order = ASSETS.map((asset) => ({ asset, key: random() })).sort((a, b) => a.key - b.key)
    for (let start = 0; start + topics <= order.length; start += topics) {
      yield order.slice(start, start + topics).map(({ asset }) => asset)
    }
  }
}

async function open(url: string, clients: number, topics: number): Promise<void> {
  const next = choices(topics)
  for (let opened = 0; opened < clients; opened += OPENING) {
    const count = Math.min(OPENING, clients - opened)
    await Promise.all(Array.from({ length: count }, () => openOne(url, next.next().value ?? [])))
  }
  await until(() => subscribed === clients * topics)
}

async function openOne(url: string, assets: readonly string[]): Promise<void> {
  const socket = new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true })
  const lastSeq = new Float64Array(ASSETS.length)
  socket.on('message', (data) => {
    if (data instanceof Uint8Array) receive(socket, lastSeq, data)
  })
  socket.on('close', (code, reason) => faults.push(`closed with ${code} ${reason}`))
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const args = assets.map((asset) => ({ channel: 'trades', exchange: 'binance', symbol: `${asset}-USDT` }))
  socket.send(JSON.stringify({ op: 'subscribe', id: 1, args }))
}

async function until(holds: () => boolean): Promise<void> {
  receivedAt = Date.now()
  while (!holds()) {
    if (Date.now() - receivedAt > PATIENCE_MS) faults.push(`${subscribed} topics, ${delivered} trades, and no more`)
    expectWhole()
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  expectWhole()
}

/** @throws where a client has missed anything, or was told that it has */
function expectWhole(): void {
  if (faults.length > 0) throw new Error(`the clients miss something: ${faults.slice(0, 3).join('; ')}`)
}

/** The delay in ms that this share of the trades did not exceed. */
function delayOf(share: number): number {
  let rest = share * delivered
  return delays.findIndex((count) => {
    rest -= count
    return rest <= 0
  })
}

async function answer(asked: z.infer<typeof question>): Promise<object> {
  switch (asked.ask) {
    case 'open':
      await open(asked.url, asked.clients, asked.topics)
      return {}
    case 'forget':
      // What came since the last question counts, too.
      expectWhole()
      delivered = 0
      delays.fill(0)
      return {}
    case 'await': {
      await until(() => delivered >= asked.deliveries)
      return { delivered, lastAt: receivedAt, p50: delayOf(0.5), p99: delayOf(0.99) }
    }
  }
}

process.on('message', async (asked) => process.send?.(await answer(question.parse(asked))))
