import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDecimal } from '../../src/domain/decimal.ts'
import type { MarketEvent } from '../../src/domain/event.ts'
import { isInterval } from '../../src/domain/interval.ts'
import { connectors, exchangeNames } from '../../src/exchanges/registry.ts'
import { change, changed } from './changed-frames.ts'
import { type FrameFile, fixtureFrames } from './frames.ts'

/** What a feed may meet in a day; drawing is cheap, so that a run of this many takes seconds. */
const RUNS = 100_000

describe.each(exchangeNames)('frames of %s that are not as they should be', (exchange) => {
  const { stream } = connectors[exchange]
  const frames = fixtureFrames()
    .filter((file) => file.exchange === exchange)
    .flatMap(({ kind, frames }) =>
      frames.map((frame): Pick<FrameFile, 'kind'> & { frame: string } => ({ kind, frame })),
    )

  it(`give sound events or say what they are, in ${RUNS.toLocaleString('en')} runs`, () => {
    const arbitrary = fc.record({
      which: fc.nat({ max: frames.length - 1 }),
      changes: fc.array(change, { minLength: 1, maxLength: 2 }),
    })
    let read = 0
    fc.assert(
      fc.property(arbitrary, ({ which, changes }) => {
        const { frame, kind } = frames[which] ?? { frame: '', kind: 'spot' }
        const decoded = stream.decode(changes.reduce(changed, frame), kind)
        if (decoded.kind === 'data') for (const event of decoded.events) faultOf(event)
        else if (decoded.kind === 'invalid') expect(decoded.detail).not.toBe('')
        if (decoded.kind === 'data') read++
      }),
      { numRuns: RUNS },
    )
    expect(read).toBeGreaterThan(RUNS / 10)
    expect(read).toBeLessThan(RUNS)
  })
})

/** Throws where an event is none that the rest of the system could take. */
function faultOf(event: MarketEvent): void {
  must(event.exchangeSymbol !== '', 'exchangeSymbol')
  must(event.exchangeTime === null || isTime(event.exchangeTime), 'exchangeTime')
  switch (event.channel) {
    case 'trades':
      must(event.id !== '' && isAmount(event.price) && isAmount(event.size), 'trade')
      return
    case 'candles': {
      const { openTime, open, high, low, close, volume, quoteVolume, tradeCount } = event.candle
      must((event.interval === null || isInterval(event.interval)) && isTime(openTime), 'interval')
      must([open, high, low, close, volume].every(isAmount) && isAmountOrNone(quoteVolume), 'candle')
      must(tradeCount === null || isCounter(tradeCount), 'tradeCount')
      return
    }
    case 'ticker':
      must(Object.values(event.values).every(isAmountOrNone), 'ticker')
      return
    case 'bbo':
      for (const level of [event.bid, event.ask]) {
        must(level === undefined || level === null || (isAmount(level.price) && isAmountOrNone(level.size)), 'bbo')
      }
      return
    case 'book':
      must(
        [...event.bids, ...event.asks].every(({ price, size }) => isAmount(price) && isAmount(size)),
        'level',
      )
      for (const counter of [event.firstSequence, event.prevSequence, event.sequence]) {
        must(counter === null || Number.isSafeInteger(counter), 'sequence')
      }
      return
    case 'funding': {
      const { rate, nextFundingTime, ...prices } = event.values
      must(rate === undefined || rate === null || parseDecimal(rate) === rate, 'rate')
      must(nextFundingTime === undefined || nextFundingTime === null || isTime(nextFundingTime), 'nextFundingTime')
      must(Object.values(prices).every(isAmountOrNone), 'funding')
      return
    }
    case 'open-interest':
      must(isAmount(event.openInterest) && isAmountOrNone(event.value), 'open interest')
      return
    case 'liquidations':
      must(isAmount(event.price) && isAmount(event.size), 'liquidation')
  }
}

/** `expect` costs more than a decode. */
function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(`unsound: ${what}`)
}

function isAmount(value: string): boolean {
  return parseDecimal(value) === value && !value.startsWith('-')
}

function isAmountOrNone(value: string | null | undefined): boolean {
  return value === null || value === undefined || isAmount(value)
}

function isCounter(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function isTime(value: number): boolean {
  return isCounter(value) && !Number.isNaN(new Date(value).getTime())
}
