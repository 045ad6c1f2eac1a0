import { AppError } from '../../domain/errors.ts'
import type { BookDepth } from '../../domain/topic.ts'
import { type BookReading, refusedBook } from '../../live/consolidated.ts'
import type { FeedAnswer, LiveOrderBook } from '../../live/status.ts'
import { readInstruments } from '../../store/catalog.ts'
import type { AppContext } from '../context.ts'

const DEPTH: BookDepth = 5
/** A feed waits 3 s itself for a book that is new to it: one that takes longer than this has other troubles. */
const WAIT_MS = 5_000

/** The best levels of books, by exchange and symbol: every exchange is asked at once, and waited for no longer than {@link WAIT_MS}. */
export async function readBooks(
  c: AppContext,
  exchanges: readonly string[],
  symbols: readonly string[],
): Promise<BookReading[]> {
  const answers = await Promise.all(exchanges.map((exchange) => readBooksOf(c, exchange, symbols)))
  return answers.flat()
}

async function readBooksOf(c: AppContext, exchange: string, symbols: readonly string[]): Promise<BookReading[]> {
  const unreachable = (detail: string) =>
    symbols.map((symbol) => refusedBook(exchange, symbol, 'feed_unavailable', detail))
  try {
    const answers = await within(WAIT_MS, c.var.deps.feed(exchange).readOrderBooks(exchange, symbols, DEPTH))
    if (answers === undefined) return unreachable(`the feed did not answer within ${WAIT_MS} ms`)
    return symbols.flatMap((symbol, index) => {
      const answer = answers[index]
      return answer === undefined ? [] : readingOf(exchange, symbol, answer)
    })
  } catch {
    return unreachable('the feed does not answer')
  }
}

function readingOf(exchange: string, symbol: string, answer: FeedAnswer<LiveOrderBook>): BookReading {
  if (!answer.ok) return refusedBook(exchange, symbol, answer.code, answer.detail)
  const { value, exchangeTime, receivedTime, now } = answer
  return {
    exchange,
    symbol,
    exchangeSymbol: value.exchangeSymbol,
    bid: value.bids[0] ?? null,
    ask: value.asks[0] ?? null,
    exchangeTime,
    receivedTime,
    ageMs: Math.max(0, now - receivedTime),
  }
}

/** What comes in time; `undefined` for what does not. */
async function within<T>(waitMs: number, coming: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), waitMs)
  })
  try {
    return await Promise.race([coming, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Refuses what no exchange lists. What a feed lists that cannot be reached, the database knows.
 *
 * @param markets the symbols that count as one, by the one that the caller named
 * @param path the parameter that named them, for the error
 * @throws AppError `unknown_instrument`
 */
export async function checkListed(
  c: AppContext,
  markets: ReadonlyMap<string, readonly string[]>,
  readings: readonly BookReading[],
  path: string,
): Promise<void> {
  const listed = new Set(readings.filter((reading) => !isAbsent(reading)).map(({ symbol }) => symbol))
  const lacking = () => [...markets].filter(([, symbols]) => !symbols.some((symbol) => listed.has(symbol)))
  const symbols = lacking().flatMap(([, alike]) => alike)
  const unread = readings.filter((reading) => isUnreachable(reading) && symbols.includes(reading.symbol))
  for (const exchange of new Set(unread.map((reading) => reading.exchange))) {
    for (const symbol of await readListed(c, exchange, symbols)) listed.add(symbol)
  }
  const errors = lacking().map(([name]) => ({ path, message: `${name} is listed by no exchange that was asked` }))
  const [first] = errors
  if (first !== undefined) throw new AppError('unknown_instrument', `${path}: ${first.message}`, { errors })
}

async function readListed(c: AppContext, exchange: string, symbols: readonly string[]): Promise<readonly string[]> {
  const queries = symbols.map((symbol) => ({ by: 'symbol', symbol }) as const)
  const found = await readInstruments(c.var.sessions.forExchange(exchange), exchange, queries)
  return found.flatMap((instrument) => instrument?.symbol ?? [])
}

function isUnreachable(reading: BookReading): boolean {
  return 'reason' in reading && reading.reason === 'unreachable'
}

/** Whether nothing says that its exchange has it. */
function isAbsent(reading: BookReading): boolean {
  return isUnreachable(reading) || ('reason' in reading && reading.reason === 'not_listed')
}
