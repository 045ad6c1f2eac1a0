import { describe, expect, it } from 'vitest'
import { describeBackfill } from '../../src/routes/backfills/progress.ts'
import type { BackfillWindowRow } from '../../src/store/backfills.ts'

const MINUTE = 60_000
const row = { id: 'a', request: '{}', createdAt: 1_000, cancelledAt: null }
const window: BackfillWindowRow = {
  backfillId: 'a',
  exchange: 'okx',
  symbol: 'BTC-USDT',
  exchangeSymbol: 'BTC-USDT',
  kind: 'spot',
  interval: '1m',
  start: 0,
  end: 100 * MINUTE,
  coveredBefore: 20,
  covered: 60,
  gaps: 3,
  finishedAt: null,
  cancelledAt: null,
  firstCandleTime: 0,
  validTo: null,
  failures: 0,
  lastError: null,
}
/** Ours runs ten times as fast as the real clock. */
const realMs = (ms: number) => ms / 10
const describeAt = (now: number, windows: readonly BackfillWindowRow[] = [window], changes: object = {}) =>
  describeBackfill({ ...row, ...changes }, windows, now, realMs)

describe('describeBackfill', () => {
  it('counts what it has loaded itself for the rate, in real time', () => {
    const progress = describeAt(41_000)
    // 40 slots in 4 real seconds; 40 are left.
    expect(progress).toMatchObject({ state: 'running', expected: 100, covered: 60, missing: 40, gaps: 3, percent: 60 })
    expect(progress).toMatchObject({ rate: 10, remainingMs: 4_000 })
  })

  it('knows nothing of the rest before anything is loaded', () => {
    expect(describeAt(41_000, [{ ...window, covered: 20 }])).toMatchObject({ rate: 0, remainingMs: null })
  })

  it('keeps the rate that it had when it ended', () => {
    const done = { ...window, covered: 100, finishedAt: 21_000 }
    expect(describeAt(9_999_999, [done])).toMatchObject({ state: 'done', rate: 40, remainingMs: 0 })
    expect(describeAt(9_999_999, [window], { cancelledAt: 41_000 })).toMatchObject({
      state: 'cancelled',
      rate: 10,
      remainingMs: null,
    })
  })

  it('is running until every series is done', () => {
    const done = { ...window, covered: 100 }
    expect(describeAt(41_000, [done, window]).series.map(({ state }) => state)).toEqual(['done', 'running'])
    expect(describeAt(41_000, [done, window]).state).toBe('running')
    // Nothing is known to be all there while the first candle is not known.
    expect(describeAt(41_000, [{ ...done, firstCandleTime: null }]).state).toBe('running')
    expect(describeAt(41_000, [{ ...done, firstCandleTime: null, finishedAt: 5 }]).state).toBe('done')
  })

  it('expects what the instrument’s life holds of the window', () => {
    const progress = describeAt(41_000, [
      { ...window, firstCandleTime: 50 * MINUTE, validTo: 90 * MINUTE, covered: 40 },
    ])
    expect(progress).toMatchObject({ expected: 40, missing: 0, percent: 100, state: 'done' })
  })

  it('tells the last error of a series that fails', () => {
    const failing = { ...window, failures: 2, lastError: 'HTTP 500' }
    expect(describeAt(41_000, [failing, { ...window, lastError: 'long ago' }]).lastError).toBe('HTTP 500')
  })

  it('is done where there is nothing to do', () => {
    expect(describeAt(41_000, [])).toMatchObject({ state: 'done', percent: 100, missing: 0, rate: 0 })
  })
})
