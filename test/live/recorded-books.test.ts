import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { BookEvent } from '../../src/domain/event.ts'
import { decoders } from '../../src/exchanges/registry.ts'
import type { BookRuleName } from '../../src/exchanges/stream.ts'
import { BookSync } from '../../src/live/book-sync.ts'
import { decodeEvents, type FrameFile, recordedFrames, recordingsFolder } from '../exchanges/frames.ts'

const files = recordedFrames()

function booksIn(name: string): readonly BookEvent[] {
  const file = files.find((candidate: FrameFile) => candidate.name === name)
  const events = file === undefined ? [] : decodeEvents(file)
  return events.filter((event) => event.channel === 'book')
}

/** What becomes of a book over a recording: the outcomes in order, and whether it was ever crossed while it was live. */
function replay(sync: BookSync, events: readonly BookEvent[], afterEach: () => void = () => {}) {
  const outcomes = new Map<string, number>()
  let crossings = 0
  for (const event of events) {
    const outcome = sync.receive(event)
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    afterEach()
    if (sync.book.isCrossed()) crossings++
  }
  return { outcomes: Object.fromEntries(outcomes), crossings, state: sync.state }
}

describe.skipIf(files.length === 0)('recorded order books', () => {
  it.each([
    ['binance', 'NKNUSDT', 'contiguous'],
    ['binance', 'RUNEEUR', 'contiguous'],
    ['binance-futures', 'AKROUSDT', 'bridged'],
    ['binance-futures', 'SUSHIUSDT', 'bridged'],
  ] as const)('of %s: %s joins its snapshot, without a gap, never crossed', (folder, symbol, rule) => {
    const path = join(recordingsFolder, folder, 'rest/depth', `cryptofeed-${symbol}.json`)
    expect(existsSync(path)).toBe(true)
    const snapshot = decoders.binance.orderBook(readFileSync(path, 'utf8'))
    const events = booksIn(`${folder}/depth/cryptofeed-${symbol}.ndjson`)
    const sync = new BookSync(rule)
    const result = replay(sync, events, () => {
      if (sync.needsSnapshot) sync.snapshot({ ...snapshot, sequence: Number(snapshot.sequence) }, snapshot.bids.length)
    })
    expect(result).toMatchObject({ crossings: 0, state: 'live' })
    expect(result.outcomes).not.toHaveProperty('gap')
    expect(result.outcomes).not.toHaveProperty('crossed')
    expect(sync.sequence).toBe(events.at(-1)?.sequence)
  })

  it.each([
    ['okx/books/cryptofeed-BTC-USDT.ndjson', 'linked', 98],
    ['bybit/orderbook/tickvault-spot.ndjson', 'counted', 9],
    ['coinbase-exchange/level2/cryptofeed-BAND-BTC.ndjson', 'connection', 1_006],
    ['coinbase-exchange/level2/cryptofeed-BAND-GBP.ndjson', 'connection', 472],
    ['coinbase-exchange/level2/cryptofeed-CRV-EUR.ndjson', 'connection', 671],
    ['coinbase-exchange/level2/cryptofeed-DASH-BTC.ndjson', 'connection', 1_926],
    ['coinbase-exchange/level2/cryptofeed-NU-GBP.ndjson', 'connection', 77],
  ] as const satisfies readonly (readonly [string, BookRuleName, number])[])(
    'in %s rebuild from the stream alone, without a gap, never crossed',
    (name, rule, count) => {
      const result = replay(new BookSync(rule), booksIn(name))
      expect(result).toEqual({ outcomes: { applied: count }, crossings: 0, state: 'live' })
    },
  )

  it('of OKX name the counter that they follow', () => {
    const [first, ...others] = booksIn('okx/books/tickvault-btcusdt-tail.ndjson')
    const sync = new BookSync('linked')
    expect(first && sync.snapshot({ ...first, exchangeTime: null }, first.bids.length)).toBe('applied')
    expect(replay(sync, others).outcomes).toEqual({ applied: 4 })
  })
})
