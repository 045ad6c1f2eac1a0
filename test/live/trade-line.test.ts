import { describe, expect, it } from 'vitest'
import { TradeLine } from '../../src/live/trade-line.ts'
import type { TradeHole, TradeOutcome } from '../../src/live/trade-outcome.ts'
import { idsOf, trade } from './trade-world.ts'

const [OLD, NEW] = [1, 2]

/** A line that has published the trades up to that one, from socket `OLD`. */
function lineUpTo(id: number, recovery: 'byId' | 'recentOnly' | null = 'byId'): TradeLine {
  const line = new TradeLine({ recovery })
  line.subscribed(OLD, 0)
  for (let n = 1; n <= id; n++) line.receive(trade(n), OLD, 0)
  return line
}

function holeOf({ hole }: TradeOutcome): TradeHole {
  if (hole === null) throw new Error('no hole')
  return hole
}

describe('a hole among ids that count up', () => {
  it('is asked for once, holds what follows, and is filled in order', () => {
    const line = lineUpTo(2)
    const opened = line.receive(trade(5), OLD, 0)
    expect(opened).toEqual({ trades: [], gap: null, hole: { afterId: '2', beforeId: '5', from: 200, to: 500 } })
    expect(line.receive(trade(6), OLD, 1)).toEqual({ trades: [], gap: null, hole: null })
    expect(line.completeThrough).toBe(200)
    const filled = line.recovered(holeOf(opened), [trade(3), trade(4), trade(5)], true, 2)
    expect(filled).toMatchObject({ gap: null, hole: null })
    expect(idsOf(filled)).toEqual([3, 4, 5, 6])
    expect(line.completeThrough).toBe(Number.POSITIVE_INFINITY)
  })

  it('closes without a gap over ids that were never trades', () => {
    const line = lineUpTo(2)
    const opened = line.receive(trade(9), OLD, 0)
    const filled = line.recovered(holeOf(opened), [trade(4)], true, 0)
    expect([idsOf(filled), filled.gap]).toEqual([[4, 9], null])
  })

  it('is told as far as it is one, where REST has not all', () => {
    const line = lineUpTo(2)
    const opened = line.receive(trade(9), OLD, 0)
    const filled = line.recovered(holeOf(opened), [trade(3), trade(4), trade(8)], false, 0)
    expect(filled.gap).toEqual({ afterId: '4', beforeId: '8', from: 400, to: 800 })
    expect(idsOf(filled)).toEqual([3, 4, 8, 9])
  })

  it('is closed by a frame that was only reordered, and a late answer is ignored', () => {
    const line = lineUpTo(2)
    const hole = holeOf(line.receive(trade(4), OLD, 0))
    expect(idsOf(line.receive(trade(3), OLD, 0))).toEqual([3, 4])
    const second = holeOf(line.receive(trade(7), OLD, 0))
    expect(line.recovered(hole, [], true, 0)).toEqual({ trades: [], hole: null, gap: null })
    expect(idsOf(line.recovered(second, [trade(5), trade(6)], true, 0))).toEqual([5, 6, 7])
  })

  it('is followed by the next one among what was held', () => {
    const line = lineUpTo(2)
    const hole = holeOf(line.receive(trade(4), OLD, 0))
    line.receive(trade(6), OLD, 0)
    const filled = line.recovered(hole, [trade(3)], true, 0)
    expect([idsOf(filled), filled.hole]).toEqual([[3, 4], { afterId: '4', beforeId: '6', from: 400, to: 600 }])
  })

  it('is given up after 10 s, and what comes later still is published late', () => {
    const line = lineUpTo(2)
    line.receive(trade(5), OLD, 1_000)
    expect(line.deadline).toBe(11_000)
    expect(line.expire(10_999).trades).toEqual([])
    const given = line.expire(11_000)
    expect([idsOf(given), given.gap?.afterId, given.gap?.beforeId]).toEqual([[5], '2', '5'])
    expect(line.deadline).toBe(null)
    expect(idsOf(line.receive(trade(4), OLD, 11_001))).toEqual([4])
    expect(idsOf(line.receive(trade(4), OLD, 11_002))).toEqual([])
    expect(idsOf(line.receive(trade(6), OLD, 11_003))).toEqual([6])
  })

  it('is given up at 20,000 trades', () => {
    const line = lineUpTo(2)
    let published = 0
    for (let id = 4; id < 4 + 20_001; id++) published += line.receive(trade(id), OLD, 0).trades.length
    expect(published).toBe(20_001)
  })

  it('is none where the trade after an outage or a restart follows by its id', () => {
    const line = lineUpTo(2)
    line.lost(OLD, 0)
    expect(line.completeThrough).toBe(200)
    expect(idsOf(line.receive(trade(3), NEW, 0))).toEqual([3])
    expect(line.completeThrough).toBe(Number.POSITIVE_INFINITY)
    const next = new TradeLine({ recovery: 'byId', mark: line.checkpoint() })
    expect(next.receive(trade(3), 1, 0)).toEqual({ trades: [], hole: null, gap: null })
    expect(idsOf(next.receive(trade(4), 1, 0))).toEqual([4])
  })

  it('is asked for without an end where no trade comes for a while after an outage', () => {
    const line = lineUpTo(2)
    line.lost(OLD, 900)
    expect(line.askAt).toBe(null)
    line.subscribed(NEW, 1_000)
    expect(line.askAt).toBe(6_000)
    const hole = holeOf(line.ask(6_000))
    expect(hole).toEqual({ afterId: '2', beforeId: null, from: 200, to: 6_000 })
    expect([line.askAt, line.ask(6_001).hole]).toEqual([null, null])
    expect(idsOf(line.recovered(hole, [trade(3), trade(4)], true, 6_100))).toEqual([3, 4])
    expect(line.completeThrough).toBe(Number.POSITIVE_INFINITY)
  })

  it('is not asked for where the next trade shows that there is none', () => {
    const line = lineUpTo(2)
    line.lost(OLD, 900)
    line.subscribed(NEW, 1_000)
    expect(idsOf(line.receive(trade(3), NEW, 2_000))).toEqual([3])
    expect([line.askAt, line.ask(9_000).hole]).toEqual([null, null])
  })

  it('stays doubtful where REST cannot say what an outage held', () => {
    const line = lineUpTo(2)
    line.lost(OLD, 900)
    line.subscribed(NEW, 1_000)
    const hole = holeOf(line.ask(6_000))
    expect(line.failed(hole, 6_100)).toEqual({ trades: [], hole: null, gap: null })
    expect(line.completeThrough).toBe(200)
    expect(holeOf(line.receive(trade(5), NEW, 6_200))).toMatchObject({ afterId: '2', beforeId: '5' })
  })

  it('is asked for where a frame could not be read, the exchange says so, or one socket takes over from another', () => {
    const unreadable = lineUpTo(2)
    unreadable.suspect(1_000)
    expect(unreadable.askAt).toBe(6_000)
    const behind = lineUpTo(2)
    expect([behind.isNewest('2', 1_000), behind.askAt]).toEqual([true, null])
    expect([behind.isNewest('3', 1_000), behind.isNewest('3', 2_000), behind.askAt]).toEqual([false, false, 6_000])
    const hole = holeOf(behind.ask(6_000))
    expect(behind.isNewest('3', 6_500)).toBe(false)
    expect(idsOf(behind.recovered(hole, [trade(3)], true, 7_000))).toEqual([3])
    expect([behind.askAt, behind.completeThrough]).toEqual([null, Number.POSITIVE_INFINITY])
    // One who knows fewer than have come says nothing of those.
    expect([behind.isNewest('2', 7_500), behind.askAt]).toEqual([false, null])
    const rotated = lineUpTo(2)
    rotated.subscribed(NEW, 500)
    rotated.lost(OLD, 1_000)
    expect(rotated.askAt).toBe(6_000)
  })

  it('is asked for again where REST does not bring it, less and less often', () => {
    const line = lineUpTo(2)
    line.isNewest('3', 1_000)
    let now = 1_000
    const asked: number[] = []
    for (let n = 0; n < 8; n++) {
      now = line.askAt ?? Number.NaN
      asked.push(now / 1_000)
      const hole = holeOf(line.ask(now))
      if (n % 2 === 0) line.failed(hole, now)
      else line.recovered(hole, [], true, now)
      line.isNewest('3', now)
    }
    expect(asked).toEqual([6, 36, 96, 216, 456, 936, 1_536, 2_136])
    expect(idsOf(line.receive(trade(3), OLD, now))).toEqual([3])
    line.isNewest('4', now)
    expect(line.askAt).toBe(now + 5_000)
  })

  it('counts beyond what a double can tell apart', () => {
    const line = new TradeLine({ recovery: 'byId' })
    const id = (offset: bigint) => (9_007_199_254_740_993n + offset).toString()
    line.receive(trade(id(0n), 0), OLD, 0)
    expect(line.receive(trade(id(1n), 0), OLD, 0).trades).toHaveLength(1)
    expect(holeOf(line.receive(trade(id(3n), 0), OLD, 0))).toMatchObject({ afterId: id(1n), beforeId: id(3n) })
  })

  it('is none, but told, where the exchange counts anew', () => {
    const line = new TradeLine({ recovery: 'byId' })
    line.receive(trade(1_000, 1_000), OLD, 0)
    const anew = line.receive(trade(1, 90_000), OLD, 0)
    expect([idsOf(anew), anew.gap]).toEqual([[1], { afterId: '1000', beforeId: '1', from: 1_000, to: 90_000 }])
    expect(idsOf(line.receive(trade(2, 90_001), OLD, 0))).toEqual([2])
  })
})

describe('before the first trade', () => {
  it('an outage is told with it', () => {
    const line = new TradeLine({ recovery: 'byId' })
    expect(line.completeThrough).toBe(Number.NEGATIVE_INFINITY)
    line.subscribed(OLD, 1_000)
    expect(line.completeThrough).toBe(Number.POSITIVE_INFINITY)
    line.lost(OLD, 5_000)
    line.subscribed(NEW, 6_000)
    expect(line.completeThrough).toBe(Number.NEGATIVE_INFINITY)
    const first = line.receive(trade(70, 7_000), NEW, 7_000)
    expect([idsOf(first), first.gap]).toEqual([[70], { afterId: null, beforeId: '70', from: 5_000, to: 7_000 }])
  })

  it('nothing is missing without one', () => {
    const line = new TradeLine({ recovery: 'recentOnly' })
    line.subscribed(OLD, 1_000)
    expect(line.receive(trade(70), OLD, 7_000)).toMatchObject({ hole: null, gap: null })
    expect(line.checkpoint()).toEqual({ id: '70', exchangeTime: 7_000, recentIds: ['70'] })
  })
})

describe('a hole among opaque ids', () => {
  it('may be there after every outage, whatever trade comes next', () => {
    const line = lineUpTo(3, 'recentOnly')
    line.lost(OLD, 900)
    line.subscribed(NEW, 1_000)
    expect(line.askAt).toBe(1_000)
    expect(holeOf(line.ask(1_000))).toMatchObject({ afterId: '3', beforeId: null })
  })

  it('is joined where the recent trades overlap with both sides', () => {
    const line = lineUpTo(3, 'recentOnly')
    line.lost(OLD, 0)
    const hole = holeOf(line.receive(trade(6), NEW, 0))
    line.receive(trade(7), NEW, 0)
    const joined = line.recovered(
      hole,
      [2, 3, 4, 5, 6].map((id) => trade(id)),
      false,
      0,
    )
    expect([idsOf(joined), joined.gap]).toEqual([[4, 5, 6, 7], null])
  })

  it('is told up to where the recent trades begin', () => {
    const line = lineUpTo(3, 'recentOnly')
    line.lost(OLD, 0)
    const hole = holeOf(line.receive(trade(9), NEW, 0))
    const joined = line.recovered(
      hole,
      [7, 8, 9].map((id) => trade(id)),
      false,
      0,
    )
    expect([idsOf(joined), joined.gap]).toEqual([[7, 8, 9], { afterId: '3', beforeId: '7', from: 300, to: 700 }])
  })

  it('is told from where the recent trades end, if they lag behind the stream', () => {
    const line = lineUpTo(3, 'recentOnly')
    line.lost(OLD, 0)
    const hole = holeOf(line.receive(trade(9), NEW, 0))
    const joined = line.recovered(
      hole,
      [3, 4, 5].map((id) => trade(id)),
      true,
      0,
    )
    expect([idsOf(joined), joined.gap]).toEqual([[4, 5, 9], { afterId: '5', beforeId: '9', from: 500, to: 900 }])
  })

  it('is believed to be closed where the answer was cut to it', () => {
    const line = lineUpTo(3, 'recentOnly')
    line.suspect(0)
    const hole = holeOf(line.receive(trade(6), OLD, 0))
    const joined = line.recovered(
      hole,
      [4, 5].map((id) => trade(id)),
      true,
      0,
    )
    expect([idsOf(joined), joined.gap]).toEqual([[4, 5, 6], null])
  })

  it('leaves duplicates of the last 5,000 known, and lets older trades go', () => {
    const line = lineUpTo(6_000, 'recentOnly')
    for (const id of [6_000, 1_001, 1_000, 1]) expect(idsOf(line.receive(trade(id), OLD, 0))).toEqual([])
    const resumed = new TradeLine({ recovery: 'recentOnly', mark: line.checkpoint() })
    expect(idsOf(resumed.receive(trade(5_990), OLD, 0))).toEqual([])
  })
})

it('tells every doubt where nothing can be asked for', () => {
  const line = lineUpTo(3, null)
  expect(line.suspect(0)).toBe(undefined)
  const next = line.receive(trade(4), OLD, 0)
  expect([idsOf(next), next.hole, next.gap]).toEqual([[4], null, { afterId: '3', beforeId: '4', from: 300, to: 400 }])
})

it('keeps a doubt until a newer trade shows what came of it', () => {
  const line = lineUpTo(3, null)
  line.suspect(0)
  const late = line.receive(trade('2b', 250), OLD, 0)
  expect([late.trades.length, late.gap]).toEqual([1, null])
  expect(line.receive(trade(5), OLD, 0).gap).toMatchObject({ afterId: '3', beforeId: '5' })
})

describe('while a socket is rotated', () => {
  it.each(['byId', 'recentOnly'] as const)('the old one rules until both overlap (%s)', (recovery) => {
    const line = lineUpTo(3, recovery)
    line.subscribed(NEW, 0)
    expect(idsOf(line.receive(trade(5), NEW, 0))).toEqual([])
    expect(idsOf(line.receive(trade(4), OLD, 0))).toEqual([4])
    expect(idsOf(line.receive(trade(6), NEW, 0))).toEqual([])
    expect(idsOf(line.receive(trade(5), OLD, 0))).toEqual([5, 6])
    expect(idsOf(line.receive(trade(7), NEW, 0))).toEqual([7])
    expect(idsOf(line.receive(trade(6), OLD, 0))).toEqual([])
    line.lost(OLD, 0)
    expect(line.completeThrough).toBe(Number.POSITIVE_INFINITY)
    expect(idsOf(line.receive(trade(8), NEW, 0))).toEqual([8])
  })

  it('a duplicate on the new one is no overlap', () => {
    const line = lineUpTo(3, 'recentOnly')
    line.receive(trade(5), NEW, 0)
    expect(idsOf(line.receive(trade(3), NEW, 0))).toEqual([])
    expect(holeOf(line.lost(OLD, 0))).toMatchObject({ afterId: '3', beforeId: '5' })
  })

  it('the old one that ends before is a hole like any other', () => {
    const line = lineUpTo(3, 'recentOnly')
    line.receive(trade(6), NEW, 0)
    const hole = holeOf(line.lost(OLD, 0))
    expect(hole).toMatchObject({ afterId: '3', beforeId: '6' })
    expect(
      idsOf(
        line.recovered(
          hole,
          [3, 4, 5, 6].map((id) => trade(id)),
          true,
          0,
        ),
      ),
    ).toEqual([4, 5, 6])
  })

  it('the old one that stays silent for 10 s is given up', () => {
    const line = lineUpTo(3)
    line.receive(trade(4), NEW, 1_000)
    expect(line.deadline).toBe(11_000)
    expect(idsOf(line.expire(11_000))).toEqual([4])
    expect(idsOf(line.receive(trade(5), NEW, 11_001))).toEqual([5])
  })
})
