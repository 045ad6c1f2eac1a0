import { runInDurableObject } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { StreamRelay } from '../../durable-objects/stream-relay.ts'
import { hostOf, prepare } from '../faults/scenario.ts'
import type { StreamMessage } from '../harness/stream-client.ts'
import { control, deps, EXCHANGES, openRelay, relay, until } from './scenario.ts'
import { RETRY_LATE } from './timing.ts'

const SYMBOL = 'BTC-USDT'
const TOPIC = { channel: 'bbo', exchange: '*', symbol: SYMBOL }
const BROKEN = 'okx'
/** There is a book a second, simulated. */
const SPAN_MS = 15_000

const level = z.object({ price: z.string(), size: z.string() }).nullable()
const bboSchema = z.object({
  bid: z.object({ exchange: z.string(), price: z.string(), size: z.string() }).nullable(),
  ask: z.object({ exchange: z.string(), price: z.string(), size: z.string() }).nullable(),
  exchanges: z.array(
    z.object({
      exchange: z.string(),
      exchangeSymbol: z.string(),
      bid: level,
      ask: level,
      exchangeTime: z.int().nullable(),
    }),
  ),
  leftOut: z.array(z.object({ exchange: z.string(), reason: z.string(), detail: z.string() })),
})
type Bbo = z.infer<typeof bboSchema>

async function readBbo(): Promise<Bbo> {
  const response = await exports.default.fetch(`http://worker/v1/bbo/${SYMBOL}`)
  return bboSchema.parse(await response.json())
}

const truthSchema = z.object({
  bids: z.array(z.tuple([z.string(), z.string()])),
  asks: z.array(z.tuple([z.string(), z.string()])),
})

/** Each exchange's best levels were the true ones at the time that they carry, and the best across them is theirs. */
async function expectTruth({ bid, ask, exchanges }: Bbo): Promise<number> {
  let compared = 0
  for (const book of exchanges) {
    if (book.exchangeTime === null) continue
    const query = `symbol=${book.exchangeSymbol}&kind=spot&time=${book.exchangeTime}&depth=5`
    const truth = truthSchema.parse(await (await fetch(`${hostOf(book.exchange)}/_truth/order-book?${query}`)).json())
    const seen = [book.bid, book.ask].map((best) => best && [best.price, best.size])
    expect({ exchange: book.exchange, seen }).toEqual({ exchange: book.exchange, seen: [truth.bids[0], truth.asks[0]] })
    compared++
  }
  const prices = (side: 'bid' | 'ask') => exchanges.map((book) => Number(book[side]?.price))
  expect([Number(bid?.price), Number(ask?.price)]).toEqual([Math.max(...prices('bid')), Math.min(...prices('ask'))])
  return compared
}

beforeAll(async () => {
  await Promise.all(EXCHANGES.map(prepare))
})

it('the best across exchanges is true, and a crossed book is left out by stream and HTTP', {
  retry: RETRY_LATE,
}, async () => {
  const client = await openRelay()
  expect(await client.subscribe(TOPIC)).toMatchObject([{ type: 'subscribed', ...TOPIC, state: true }])
  const told = (): StreamMessage[] => client.topic(TOPIC).messages
  const newest = (): Bbo => bboSchema.parse(told().at(-1)?.data)
  const counted = (): string[] => newest().exchanges.map(({ exchange }) => exchange)
  const counts = (exchange: string) => () => told().length > 0 && counted().includes(exchange)
  for (const exchange of EXCHANGES) await client.until(counts(exchange))

  const end = deps.clock.now() + SPAN_MS
  await client.until(() => Number(told().at(-1)?.receivedTime) >= end)
  let compared = 0
  for (const { data } of told()) compared += await expectTruth(bboSchema.parse(data))
  expect(compared).toBeGreaterThan(EXCHANGES.length)
  await expectTruth(await readBbo())

  try {
    await control(BROKEN, { fault: { type: 'crossed', symbol: 'BTC-USDT' } })
    await client.until(() => !counted().includes(BROKEN))
    const left = newest().leftOut.find(({ exchange }) => exchange === BROKEN)
    expect(left).toMatchObject({ reason: 'crossed', detail: 'the book was crossed' })
    await until('HTTP to leave it out, too', async () => {
      const { exchanges, leftOut } = await readBbo()
      const isLeftOut = leftOut.some(({ exchange, reason }) => exchange === BROKEN && reason === 'crossed')
      return exchanges.length === 3 && isLeftOut
    })
  } finally {
    await control(BROKEN, { clear: 'all' })
  }
  await client.until(counts(BROKEN))
  await expectTruth(newest())
  expect(client.faults).toEqual([])
  client.close()
})

it('clients get their topics across exchanges anew from another instance of the relay', async () => {
  const client = await openRelay()
  const arg = {
    channel: 'arbitrage',
    exchange: '*',
    symbol: SYMBOL,
    quotes: 'usd-like',
    threshold: '0.25',
    fees: 'okx:0.0005',
  }
  expect(await client.subscribe(arg)).toMatchObject([{ type: 'subscribed', ...arg }])
  const subscriptions = () => client.messages.filter(({ type }) => type === 'subscribed')
  // An object with sockets of its own cannot be evicted here: another instance finds what the first has left.
  await runInDurableObject(relay, async (_, state) => {
    new StreamRelay(state, env)
    await state.blockConcurrencyWhile(async () => undefined)
  })
  await client.until(() => subscriptions().length === 2)
  const [first, again] = subscriptions()
  expect(again).toMatchObject({ id: null, ...arg, state: true })
  expect(again?.epoch).not.toBe(first?.epoch)
  client.close()
})
