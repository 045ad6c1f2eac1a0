import { describe, expect, it } from 'vitest'
import { TopicPace } from '../../src/live/topic-pace.ts'

const HOUR = 3_600_000

/** A topic that had data at that distance, for long enough to be known for it; and when the last came. */
function every(distanceMs: number): { pace: TopicPace; now: number } {
  const pace = new TopicPace(0)
  let now = 0
  for (let n = 0; n < 200; n++) {
    pace.data(now)
    now += distanceMs
  }
  return { pace, now: now - distanceMs }
}

describe('TopicPace', () => {
  it('suspects a topic that never gave data 10 s after its subscription', () => {
    const pace = new TopicPace(1_000)
    expect([pace.state, pace.suspectAt(), pace.since]).toEqual(['live', 11_000, 1_000])
    pace.restart(5_000)
    expect([pace.suspectAt(), pace.since]).toEqual([15_000, 5_000])
  })

  it.each([
    [10, 10_000],
    [240, 10_000],
    [400, 10_000],
    [1_000, 20_000],
    [30_000, 600_000],
  ])('waits twenty times the usual spacing, at least 10 s: data each %i ms, %i ms', (distanceMs, patienceMs) => {
    const { pace, now } = every(distanceMs)
    expect(pace.suspectAt() - now).toBeCloseTo(patienceMs, 3)
  })

  it('takes a burst for one', () => {
    const pace = new TopicPace(0)
    for (let minute = 0; minute < 100; minute++) for (let ms = 0; ms < 20; ms++) pace.data(minute * 60_000 + ms)
    expect(pace.suspectAt() - pace.since).toBeCloseTo(20 * 60_000, -1)
  })

  it('follows a market that falls asleep and wakes', () => {
    const { pace, now } = every(1_000)
    pace.data(now + 100_000)
    const slower = pace.suspectAt() - pace.since
    expect(slower).toBeCloseTo(20 * (1_000 + 0.05 * 99_000), 3)
    for (let n = 1; n <= 200; n++) pace.data(now + 100_000 + n * 1_000)
    expect(pace.suspectAt() - pace.since).toBeLessThan(20_100)
  })

  it('doubles the distance of looks at a quiet topic up to an hour, and forgets them with the first data', () => {
    const pace = new TopicPace(0)
    const distances: number[] = []
    let now = 0
    for (let look = 0; look < 11; look++) {
      now = pace.suspectAt()
      pace.suspect()
      expect([pace.state, pace.suspectAt()]).toEqual(['suspect', Number.POSITIVE_INFINITY])
      pace.quiet(now)
      expect(pace.state).toBe('quiet')
      distances.push((pace.suspectAt() - now) / 1_000)
    }
    expect(distances).toEqual([20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600])
    pace.data(now + 1)
    expect([pace.state, pace.suspectAt()]).toEqual(['live', now + 10_001])
  })

  it('never looks at a quiet topic sooner than its own pace says', () => {
    const { pace, now } = every(2 * HOUR)
    pace.suspect()
    pace.quiet(now + 40 * HOUR)
    expect(pace.suspectAt()).toBe(now + 80 * HOUR)
  })

  it('asks again as late as before where REST cannot say', () => {
    const pace = new TopicPace(0)
    pace.suspect()
    pace.again(10_000)
    expect([pace.state, pace.suspectAt()]).toEqual(['suspect', 20_000])
  })

  it('stays stale until data come, whatever is tried', () => {
    const { pace, now } = every(1_000)
    const patience = pace.suspectAt() - now
    pace.suspect()
    pace.stale(now + patience)
    pace.restart(now + patience + 500)
    expect([pace.state, pace.suspectAt()]).toEqual(['stale', now + 2 * patience + 500])
    pace.suspect()
    pace.again(now + 3 * patience)
    expect(pace.state).toBe('stale')
    pace.data(now + 4 * patience)
    // The outage says nothing of the topic's own pace.
    expect([pace.state, pace.suspectAt()]).toEqual(['live', now + 5 * patience])
  })
})
