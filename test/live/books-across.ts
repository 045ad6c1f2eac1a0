import fc from 'fast-check'
import { decimal } from '../../src/domain/decimal.ts'
import { type BookReading, type LeftOutReason, leftOutReasons } from '../../src/live/consolidated.ts'

const EXCHANGES = ['binance', 'okx', 'bybit', 'coinbase'] as const
export const MAX_AGE_MS = 1_000

const level = fc.option(
  fc.record({
    price: fc.integer({ min: 1, max: 2_000 }).map((cents) => decimal(`${cents}e-2`)),
    size: fc.integer({ min: 1, max: 500 }).map((size) => decimal(`${size}e-1`)),
  }),
  { freq: 6 },
)

const reading = (exchange: string): fc.Arbitrary<BookReading> =>
  fc.oneof(
    { weight: 4, arbitrary: bookOf(exchange) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(...leftOutReasons)
        .map((reason: LeftOutReason) => ({ exchange, symbol: 'BTC-USDT', reason, detail: 'so it is' })),
    },
  )

function bookOf(exchange: string): fc.Arbitrary<BookReading> {
  return fc.record({
    exchange: fc.constant(exchange),
    symbol: fc.constant('BTC-USDT'),
    exchangeSymbol: fc.constant('BTCUSDT'),
    bid: level,
    ask: level,
    exchangeTime: fc.constant(null),
    receivedTime: fc.constant(5),
    ageMs: fc.constantFrom(0, MAX_AGE_MS, MAX_AGE_MS + 1),
  })
}

/** What may be known of the book of each exchange: crossed, old, empty ones and refusals among them. */
export const readings = fc.tuple(...EXCHANGES.map(reading))

/** Whether a book counts, in as few words as that can be said. */
export function counts(each: BookReading): boolean {
  if ('reason' in each || each.ageMs > MAX_AGE_MS) return false
  const { bid, ask } = each
  return bid === null || ask === null ? bid !== ask : Number(bid.price) < Number(ask.price)
}
