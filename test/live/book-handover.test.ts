import { describe, expect, it } from 'vitest'
import type { BookEvent } from '../../src/domain/event.ts'
import type { BookRuleName } from '../../src/exchanges/stream.ts'
import { BookHandover } from '../../src/live/book-handover.ts'
import { BookTopic } from '../../src/live/book-topic.ts'
import type { SnapshotRequest } from '../../src/live/feed-io.ts'
import { LineNumbers } from '../../src/live/line-numbers.ts'
import { Turns } from '../../src/live/turns.ts'
import { bookEvent, counted, level, markets, sample, snapshotAt, stateAt } from './book-market.ts'
import { playedInstrument, SECOND, START, topicOf } from './session.ts'

const [OLD, YOUNG] = [1, 2]
/** Longer than any row of updates that may be contained already. */
const LENGTH = 150

/** A book whose exchange counts by a rule, heard on two sockets. */
class Rotated {
  readonly counters = { gaps: 0, resyncs: 0 }
  readonly market = sample(markets(12, { minLength: LENGTH, maxLength: LENGTH }))
  readonly topic: BookTopic
  readonly asked: SnapshotRequest[] = []
  readonly #rule: BookRuleName
  readonly #events: readonly BookEvent[]

  constructor(rule: BookRuleName) {
    this.#rule = rule
    this.#events = counted(rule, this.market)
    const instrument = playedInstrument('binance', 'BTC-USDT')
    const surroundings = {
      ...{
        counters: this.counters,
        turns: new Turns(),
        numbers: new LineNumbers(),
        random: () => 0.5,
        resubscribe: () => undefined,
        rehome: () => undefined,
      },
      emit: (effect: { readonly kind: string; readonly request?: SnapshotRequest }) => {
        if (effect.kind === 'ask-snapshot' && effect.request !== undefined) this.asked.push(effect.request)
      },
    }
    this.topic = new BookTopic(instrument, surroundings, rule)
    this.topic.open(topicOf('book:binance:BTC-USDT:1000'))
    this.begin(OLD, 0)
    this.hear(OLD, 0)
    const [request] = this.asked
    if (request === undefined) return
    const { sequence, ...rest } = snapshotAt(rule, this.market, 0)
    const value = { exchangeSymbol: 'BTCUSDT', sequence: String(sequence), ...rest }
    this.topic.answered({ kind: 'snapshot', instrumentId: instrument.id, request, answer: { ok: true, value } }, START)
  }

  /** The snapshot with which a stream begins, where it brings one. */
  begin(socket: number, index: number): void {
    if (this.#rule === 'contiguous' || this.#rule === 'bridged') return
    const snapshot = snapshotAt(this.#rule, this.market, index)
    this.topic.receive(bookEvent({ ...snapshot, kind: 'snapshot' }), socket, START)
  }

  /** A socket delivers the update of that index; there are none beyond the last. */
  hear(socket: number, index: number): void {
    const event = this.#events[index]
    if (event !== undefined) this.topic.receive(event, socket, START + index * SECOND)
  }

  get levels() {
    const view = this.topic.read(1_000)
    if ('reason' in view) throw new Error(view.reason)
    return { bids: view.bids, asks: view.asks }
  }
}

describe.each(['contiguous', 'bridged', 'linked', 'counted', 'connection'] as const)('a book that is %s', (rule) => {
  it.each([-2, -1, 0, 1, 3, 50])('moves to a socket that is %i updates behind, without a hole', (lag) => {
    const rotated = new Rotated(rule)
    const overlap = 1 + Math.max(0, lag)
    rotated.begin(YOUNG, overlap - lag)
    for (let index = 1; index < LENGTH - 5; index++) {
      rotated.hear(OLD, index)
      if (index >= overlap) rotated.hear(YOUNG, index - lag)
    }
    rotated.topic.lost(OLD, START, YOUNG)
    for (let index = LENGTH - 5 - lag; index < LENGTH; index++) rotated.hear(YOUNG, index)
    expect(rotated.levels).toEqual(stateAt(rotated.market, LENGTH))
    expect(rotated.counters).toEqual({ gaps: 0, resyncs: 0 })
    expect(rotated.asked.length).toBeLessThanOrEqual(1)
  })
})

describe('what waits for a book to be handed over', () => {
  const update = (sequence: number, levels = 1) => {
    const bids = Array.from({ length: levels }, (_, n) => level(n + 1, 1))
    return bookEvent({ firstSequence: sequence, prevSequence: sequence - 1, sequence, bids })
  }
  const numbers = (events: readonly BookEvent[]) => events.map(({ sequence }) => sequence)

  it('joins the book where it is, and not what the book contains', () => {
    const handover = new BookHandover()
    expect(handover.receive(update(8), null)).toEqual([])
    expect(handover.receive(update(9), null)).toEqual([])
    expect(handover.receive(update(10), 5)).toEqual([])
    expect(numbers(handover.receive(update(11), 9))).toEqual([9, 10, 11])
    expect(handover.takeAll()).toEqual([])
  })

  it('is nothing where it is always behind', () => {
    const handover = new BookHandover()
    for (let sequence = 1; sequence <= 600; sequence++) handover.receive(update(sequence), sequence + 3)
    expect(handover.takeAll()).toEqual([])
  })

  it('is bounded by its levels: the oldest are let go', () => {
    const handover = new BookHandover()
    for (let sequence = 1; sequence <= 600; sequence++) handover.receive(update(sequence, 100), null)
    const held = numbers(handover.takeAll())
    expect(held.at(-1)).toBe(600)
    expect(held.length * 101).toBeLessThanOrEqual(10_000)
    expect(held.length).toBeGreaterThan(40)
  })
})
