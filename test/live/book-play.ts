/** An exchange that plays one book against a session. */

import { expect } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import { BookTopic } from '../../src/live/book-topic.ts'
import { Play, topicOf } from './session.ts'
import { binanceBook, type PlayedBook } from './session-exchange.ts'

export const BINANCE = 'book:binance:BTC-USDT:5'
export const OKX = 'book:okx:BTC-USDT:5'
export const SNAPSHOT = { kind: 'snapshot', from: -1, to: 10, bids: [['9', '1']], asks: [['11', '1']] } as const

export function types(played: Play, key: string): string[] {
  played.take({ kind: 'flush' })
  return played.told(key).map(({ type, data }) => (type === 'book' ? String(data['kind']) : type))
}

export function bookOf(played: Play, key: string): BookTopic {
  const topic = played.session.topic(topicOf(key))
  if (!(topic instanceof BookTopic)) throw new Error(`no book: ${key}`)
  return topic
}

export function read(played: Play, key: string) {
  return bookOf(played, key).read(5)
}

export function newestQuestion(played: Play) {
  const question = played.of('ask-snapshot').at(-1)
  if (question === undefined) throw new Error('nothing was asked')
  return question
}

/** REST's answer to a question, or else to the newest. */
export function snapshot(
  played: Play,
  sequence: number,
  [bid, ask]: readonly [string, string] = ['9', '11'],
  { instrument, request } = newestQuestion(played),
): void {
  const [bids, asks] = [[level(bid)], [level(ask)]]
  const value = { exchangeSymbol: 'BTCUSDT', exchangeTime: null, sequence: String(sequence), bids, asks }
  played.take({ kind: 'snapshot', instrumentId: instrument.id, request, answer: { ok: true, value } })
}

/** REST's answer to the newest question, with as many levels as were asked for, or may be, one apart. */
export function fullSnapshot(played: Play, sequence: number, most = Number.POSITIVE_INFINITY): void {
  const { instrument, request } = newestQuestion(played)
  const length = Math.min(request.depth, most)
  const side = (step: number) => Array.from({ length }, (_, n) => level(String(10_000 + (n + 1) * step)))
  const [bids, asks] = [side(-1), side(1)]
  const value = { exchangeSymbol: 'BTCUSDT', exchangeTime: null, sequence: String(sequence), bids, asks }
  played.take({ kind: 'snapshot', instrumentId: instrument.id, request, answer: { ok: true, value } })
}

export function level(price: string) {
  return { price: decimal(price), size: decimal('1') }
}

/** The depths of the snapshots that were asked for. */
export function depths(played: Play): number[] {
  return played.of('ask-snapshot').map(({ request }) => request.depth)
}

export function update(
  played: Play,
  from: number,
  to = from + 1,
  changes: Pick<PlayedBook, 'bids' | 'asks'> = {},
): void {
  const bids = [['8', String(to)]] as const
  played.frame(binanceBook('BTCUSDT', { kind: 'update', from, to, bids, ...changes }))
}

/** A Binance book that is live at 10. */
export function binanceLive(): Play {
  const played = new Play('binance')
  played.demand(BINANCE)
  update(played, 9)
  snapshot(played, 10)
  expect(types(played, BINANCE)).toEqual(['snapshot'])
  return played
}
