import { describe, expect, it } from 'vitest'
import { BookRetries } from '../../src/live/book-retries.ts'

const SECOND = 1_000

/** Delays are as long as they may be. */
const retries = () => new BookRetries(() => 1)

/** How long it waits, in whole seconds; leaves it not waiting. */
function waitOf(tried: BookRetries, now = 0): number {
  for (let seconds = 0; seconds < 4_000; seconds++) if (tried.takeDue(now + seconds * SECOND)) return seconds
  throw new Error('waits for ever')
}

describe('BookRetries', () => {
  it('starts anew at once, then later and later, until the book is sound', () => {
    const tried = retries()
    expect([tried.failed(0), tried.isWaiting]).toEqual([true, false])
    const waits = [0, 1, 2, 3, 4].map(() => {
      expect(tried.failed(0)).toBe(false)
      return waitOf(tried)
    })
    expect(waits).toEqual([4, 8, 16, 32, 32])
    tried.sound()
    expect(tried.failed(0)).toBe(true)
  })

  it('waits for a snapshot that did not do on its own account: little, however often the book has failed', () => {
    const tried = retries()
    for (let n = 0; n < 10; n++) if (!tried.failed(0)) waitOf(tried)
    const waits = [0, 1, 2].map(() => {
      tried.refused(null, 0)
      return waitOf(tried)
    })
    expect(waits).toEqual([1, 2, 4])
    tried.answered()
    tried.refused(null, 0)
    expect(waitOf(tried)).toBe(1)
  })

  it('waits as long as the exchange says, and tries once', () => {
    const tried = retries()
    tried.refused(60 * SECOND, 0)
    expect([tried.takeDue(60 * SECOND), tried.isWaiting]).toEqual([false, true])
    expect(waitOf(tried)).toBe(61)
    expect([tried.takeDue(100 * SECOND), tried.isWaiting]).toEqual([false, false])
  })

  it('asks for a snapshot that is not streamed here, then elsewhere, then less and less often up to an hour', () => {
    const tried = retries()
    const firstTwo = () => [tried.forgotten(0), tried.forgotten(0)]
    expect([firstTwo(), tried.isWaiting]).toEqual([['here', 'elsewhere'], false])
    const waits = Array.from({ length: 9 }, () => {
      expect(tried.forgotten(0)).toBe('later')
      return waitOf(tried) / 60
    })
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60])
    tried.forgotten(0)
    tried.answered()
    expect([tried.isWaiting, firstTwo()]).toEqual([false, ['here', 'elsewhere']])
  })

  it('does not wait twice: a failure while it waits changes nothing', () => {
    const tried = retries()
    tried.failed(0)
    tried.failed(0)
    expect(tried.failed(SECOND)).toBe(false)
    expect(waitOf(tried)).toBe(4)
    tried.failed(0)
    tried.cancel()
    expect([tried.isWaiting, tried.takeDue(1e6)]).toEqual([false, false])
  })
})
