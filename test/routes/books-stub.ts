/** A feed that answers for the books of every exchange: `null` for one that does not answer at all. */
export interface StubBook {
  readonly bid: readonly [price: string, size: string]
  readonly ask: readonly [price: string, size: string]
  readonly ageMs?: number
}

interface StubRefusal {
  readonly code: string
  readonly detail: string
}

const NOW = 1_700_000_000_000

/** @param books by exchange and symbol, `okx BTC-USDT`; what is not there is not listed */
export function feedOf(books: Readonly<Record<string, StubBook | StubRefusal | null>>) {
  const asked: string[] = []
  const readOrderBooks = async (exchange: string, symbols: readonly string[], depth: number) => {
    asked.push(...symbols.map((symbol) => `${exchange} ${symbol} ${depth}`))
    const found = symbols.map((symbol) => books[`${exchange} ${symbol}`])
    if (found.includes(null)) throw new Error('the object is gone')
    return found.map((book) => answerOf(book ?? { code: 'unknown_instrument', detail: `${exchange} lists it not` }))
  }
  return { feed: { readOrderBooks }, asked }
}

function answerOf(book: StubBook | StubRefusal) {
  if ('code' in book) return { ok: false, ...book }
  const level = ([price, size]: readonly [string, string]) => ({ price, size })
  const value = { exchangeSymbol: 'THEIRS', bids: [level(book.bid)], asks: [level(book.ask)], availableDepth: 1 }
  const times = { exchangeTime: NOW - 20, receivedTime: NOW - (book.ageMs ?? 10), now: NOW }
  return { ok: true, value: { ...value, sequence: 1 }, ...times }
}
