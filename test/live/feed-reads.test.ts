import { expect, it } from 'vitest'
import { type Feed, readOrderBook, readOrderBooks, readTicker } from '../../durable-objects/feed-reads.ts'
import { decimal } from '../../src/domain/decimal.ts'
import { topicKey } from '../../src/domain/topic.ts'
import { Play, SECOND } from './session.ts'
import { binance, binanceBook } from './session-exchange.ts'

/** Longer than a read looks again after. */
const LOOKS_MS = 100

function feedOf(played: Play): Feed {
  return {
    runtime: { session: played.session, waitingTrades: () => ({ trades: [], gaps: [], heard: null }) },
    clients: {
      hasRoomFor: () => true,
      demandOnce: (topic) => played.demand(topicKey(topic)),
      instrument: async (symbol) => played.instrument(symbol),
    },
    now: () => played.now,
  }
}

function summary(time: number): string {
  const data = { e: '24hrTicker', E: time, s: 'BTCUSDT', c: '100', o: '90', h: '110', l: '80', v: '5', q: '500' }
  return binance('btcusdt@ticker', data)
}

function best(bid: string): string {
  return binance('btcusdt@bookTicker', { u: 1, s: 'BTCUSDT', b: bid, B: '1', a: '101', A: '1' })
}

async function looks(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, LOOKS_MS))
}

it('a ticker waits for the best prices too, and is as old as the older of the two', async () => {
  const played = new Play('binance')
  const read = readTicker(feedOf(played), 'binance', 'BTC-USDT')
  await looks()
  const first = played.now
  played.frame(summary(first))
  await looks()
  played.wait(SECOND)
  played.frame(best('99'))
  expect(await read).toMatchObject({ ok: true, value: { bid: { price: '99' } }, receivedTime: first })
  played.wait(SECOND)
  played.frame(summary(played.now))
  const again = await readTicker(feedOf(played), 'binance', 'BTC-USDT')
  expect(again).toMatchObject({ receivedTime: first + SECOND, now: first + 2 * SECOND })
})

it('a book waits for the deeper snapshot that was asked for', async () => {
  const played = new Play('binance')
  const feed = feedOf(played)
  played.demand('book:binance:BTC-USDT:5')
  played.frame(binanceBook('BTCUSDT', { kind: 'update', from: 9, to: 10 }))
  answer(played)
  const read = readOrderBook(feed, 'binance', 'BTC-USDT', 200)
  await looks()
  played.wait(SECOND)
  answer(played)
  expect(await read).toMatchObject({ ok: true, value: { availableDepth: 200 } })
})

it('of several books each answers for itself, and one that was followed already is told as it stands', async () => {
  const played = new Play('binance')
  const { clients, ...rest } = feedOf(played)
  const instrument = async (symbol: string) => (symbol === 'BTC-USDT' ? played.instrument(symbol) : undefined)
  const feed = { ...rest, clients: { ...clients, instrument } }
  const first = readOrderBooks(feed, 'binance', ['BTC-USDT', 'XXX-YYY'], 5)
  await looks()
  played.frame(binanceBook('BTCUSDT', { kind: 'update', from: 9, to: 10 }))
  answer(played)
  expect(await first).toMatchObject([
    { ok: true, value: { bids: [{ price: '9999' }, {}, {}, {}, {}] } },
    { ok: false, code: 'unknown_instrument' },
  ])
  played.frame(binanceBook('BTCUSDT', { kind: 'update', from: 99, to: 100 }))
  // Who asks for it alone waits until it is in sync again; here no timer comes before the answer.
  const aTimer = new Promise((resolve) => setTimeout(resolve, 0))
  const again = await Promise.race([readOrderBooks(feed, 'binance', ['BTC-USDT'], 5), aTimer])
  expect(again).toMatchObject([{ ok: false, code: 'not_in_sync' }])
})

it('what the exchange refuses is answered with its reason', async () => {
  const played = new Play('bybit')
  played.isHelpful = false
  const reads = [
    readOrderBook(feedOf(played), 'bybit', 'BTC-USDT', 20),
    readTicker(feedOf(played), 'bybit', 'BTC-USDT'),
  ]
  await looks()
  const socket = played.openNext()
  for (let answered = 0; answered < socket.sent.length; answered++) {
    const { req_id, args } = JSON.parse(socket.sent[answered]?.frame ?? '')
    const ret_msg = `error:handler not found,topic:${args[0]}`
    played.frame(JSON.stringify({ success: false, ret_msg, req_id, op: 'subscribe' }), socket)
    played.wait(SECOND)
  }
  for (const read of reads) {
    expect(await read).toMatchObject({
      ok: false,
      code: 'unprocessable',
      detail: expect.stringContaining('bybit refuses it: error:handler not found'),
    })
  }
})

/** REST gives as many levels as it was asked for. */
function answer(played: Play): void {
  const { instrument, request } = played.of('ask-snapshot').at(-1) ?? {}
  if (instrument === undefined || request === undefined) throw new Error('nothing was asked')
  const side = (step: number) =>
    Array.from({ length: request.depth }, (_, n) => ({
      price: decimal(String(10_000 + (n + 1) * step)),
      size: decimal('1'),
    }))
  const value = { exchangeSymbol: 'BTCUSDT', exchangeTime: null, sequence: '10', bids: side(-1), asks: side(1) }
  played.take({ kind: 'snapshot', instrumentId: instrument.id, request, answer: { ok: true, value } })
}
