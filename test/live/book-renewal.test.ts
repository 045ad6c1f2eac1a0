import { describe, expect, it } from 'vitest'
import { BINANCE, depths, fullSnapshot, newestQuestion, read, types, update } from './book-play.ts'
import { MINUTE, Play, SECOND } from './session.ts'

const DEEP = 'book:binance:BTC-USDT:200'

/** A book of 1,000 levels a side, live at 10, and a view of 200 beside one of 5. */
function deepBook(): Play {
  const played = new Play('binance')
  played.demand(DEEP, BINANCE)
  update(played, 9)
  fullSnapshot(played, 10)
  types(played, BINANCE)
  return played
}

/** The best bids are gone. */
function sell(played: Play, from: number, count: number): void {
  update(played, from, from + 1, { bids: Array.from({ length: count }, (_, n) => [String(9_999 - n), '0'] as const) })
}

describe('a book that is short of levels', () => {
  it('is renewed at most once a minute, without being told anew', () => {
    const played = deepBook()
    sell(played, 10, 850)
    played.wait(30 * SECOND)
    expect(depths(played)).toEqual([1_000])
    played.wait(40 * SECOND)
    expect(depths(played)).toEqual([1_000, 1_000])
    fullSnapshot(played, 11)
    expect(read(played, BINANCE)).toMatchObject({ availableDepth: 5 })
    expect(types(played, BINANCE)).not.toContain('resync')
  })

  it('is renewed at once where less than half of a view is left', () => {
    const played = deepBook()
    sell(played, 10, 901)
    played.wait(SECOND)
    expect(depths(played)).toEqual([1_000, 1_000])
    fullSnapshot(played, 11)
    types(played, BINANCE)
    sell(played, 11, 999)
    expect(read(played, BINANCE)).toMatchObject({ availableDepth: 1 })
    played.wait(2 * SECOND)
    expect(depths(played)).toEqual([1_000, 1_000, 1_000])
    fullSnapshot(played, 12)
    expect(read(played, BINANCE)).toMatchObject({ availableDepth: 5 })
    expect(types(played, BINANCE)).not.toContain('resync')
  })

  it('is in doubt where nothing is left of a side: what the exchange has there is not known', () => {
    const played = new Play('binance')
    played.demand(BINANCE)
    update(played, 9)
    fullSnapshot(played, 10)
    types(played, BINANCE)
    sell(played, 10, 100)
    expect(read(played, BINANCE)).toEqual({ reason: 'the price has left the levels that are known' })
    expect(types(played, BINANCE)).toEqual(['snapshot', 'resync'])
    // As many levels as before would do no better.
    expect(depths(played)).toEqual([100, 1_000])
    update(played, 11)
    fullSnapshot(played, 11)
    expect(read(played, BINANCE)).toMatchObject({ availableDepth: 5, sequence: 12 })
    expect([types(played, BINANCE), played.status.resyncs]).toEqual([['snapshot', 'resync', 'snapshot'], 1])
  })

  it('takes the snapshot that was under way when nothing was left', () => {
    const played = deepBook()
    sell(played, 10, 901)
    played.wait(SECOND)
    const bids = Array.from({ length: 99 }, (_, n) => [String(9_098 - n), '0'] as const)
    update(played, 11, 12, { bids })
    expect(read(played, BINANCE)).toHaveProperty('reason')
    fullSnapshot(played, 11)
    expect(read(played, BINANCE)).toMatchObject({ availableDepth: 5, sequence: 12 })
    expect(types(played, BINANCE).slice(-2)).toEqual(['resync', 'snapshot'])
    expect(depths(played)).toEqual([1_000, 1_000])
  })

  it('is renewed ever less often while that does not help', () => {
    const played = deepBook()
    let [sequence, answered] = [10, 1]
    played.wait(10 * MINUTE, () => {
      sell(played, sequence++, 1_000)
      if (depths(played).length > answered) fullSnapshot(played, sequence)
      answered = depths(played).length
    })
    expect(answered).toBeGreaterThan(10)
    expect(answered).toBeLessThan(60)
  })

  it('is asked for ever less often while REST refuses', () => {
    const played = deepBook()
    sell(played, 10, 1_000)
    let [sequence, answered] = [11, 1]
    played.wait(10 * MINUTE, () => {
      update(played, sequence++)
      if (depths(played).length === answered) return
      answered = depths(played).length
      const { instrument, request } = newestQuestion(played)
      const answer = { ok: false, code: 'rate_limited', detail: 'too many' } as const
      played.take({ kind: 'snapshot', instrumentId: instrument.id, request, answer })
    })
    expect(answered).toBeGreaterThan(10)
    expect(answered).toBeLessThan(60)
  })

  it('is renewed by a deeper snapshot at once where half of the first, shallow one is gone', () => {
    const played = new Play('binance')
    played.demand(BINANCE)
    update(played, 9)
    fullSnapshot(played, 10)
    const bids = Array.from({ length: 51 }, (_, n) => [String(9_999 - n), '0'] as const)
    update(played, 10, 11, { bids })
    played.wait(SECOND)
    expect(depths(played)).toEqual([100, 1_000])
  })
})
