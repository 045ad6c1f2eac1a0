/** Quotes that callers may take for one: by default each is a currency of its own. */
export const quoteGroups = ['usd-like'] as const
export type QuoteGroup = (typeof quoteGroups)[number]

/** The dollar and the tokens that are redeemed at one dollar: close, but not the same money. */
const members: Readonly<Record<QuoteGroup, readonly string[]>> = { 'usd-like': ['USDT', 'USDC', 'USD'] }

export function isQuoteGroup(text: string): text is QuoteGroup {
  return quoteGroups.some((group) => group === text)
}

const INVERSE = /^[^-]+-USD-PERP$/

/** Why there is no arbitrage of inverse perpetuals. */
export const INVERSE_SIZES = 'sizes of perpetuals margined in their base are contracts, which differ by exchange'

/**
 * Whether a symbol is that of a perpetual which is margined in its base: its sizes are contracts worth dollars, and
 * can be compared with nothing but themselves.
 */
export function isInverseSymbol(symbol: string): boolean {
  return INVERSE.test(symbol)
}

/**
 * The symbols that count as one market, the given one first: itself only, or, where its quote is of the group, those
 * of the same base and kind with each quote of it. Inverse perpetuals are like no other.
 */
export function symbolsAlike(symbol: string, group: QuoteGroup | null): readonly [string, ...string[]] {
  const [base = '', quote = '', ...suffix] = symbol.split('-')
  const quotes = group === null ? [] : members[group]
  if (!quotes.includes(quote) || isInverseSymbol(symbol)) return [symbol]
  const others = quotes.filter((other) => other !== quote).map((other) => [base, other, ...suffix].join('-'))
  return [symbol, ...others.filter((other) => !isInverseSymbol(other))]
}
