import type { Message } from '../../src/cli/message.ts'
import { isRecord } from '../../src/exchanges/decode.ts'

/** A message type of tardis -> those of ours that say the same. */
const types: Readonly<Record<string, readonly string[]>> = {
  trade: ['trade'],
  book_change: ['book'],
  book_ticker: ['bbo'],
  derivative_ticker: ['ticker', 'funding', 'open-interest'],
  liquidation: ['liquidation'],
}

/**
 * In what our messages of one frame differ from what the mappers of tardis made of it.
 *
 * Their conventions, which are not compared: numbers are doubles; what is unknown is `undefined`; their derivative ticker
 * gathers what many channels say, of which this frame may say one thing; books say nothing before a snapshot, repeated
 * frames nothing at all: where theirs say nothing there is nothing to compare, but for trades. What is no trade to them
 * (executions of Binance USD-M outside the book) is none here.
 */
export function differences(ours: readonly Message[], theirs: readonly unknown[]): readonly string[] {
  const expected = theirs.filter(isRecord).filter((message) => String(message['type']) in types)
  const counts = new Map<string, number>()
  const [ourTrades, theirTrades] = [ours, expected].map((all) => all.filter(({ type }) => type === 'trade').length)
  const surplus = (ourTrades ?? 0) > (theirTrades ?? 0) ? [`${ourTrades} trades, not ${theirTrades}`] : []
  const wrong = expected.flatMap((message) => {
    const type = String(message['type'])
    const index = counts.get(type) ?? 0
    counts.set(type, index + 1)
    const candidates = ours.filter((candidate) => types[type]?.includes(candidate.type))
    const meant = type === 'derivative_ticker' ? candidates : candidates.slice(index, index + 1)
    return meant.length === 0 ? [`no ${type}`] : meant.flatMap((candidate) => compare(candidate, message))
  })
  return [...surplus, ...wrong]
}

function compare(ours: Message, theirs: Record<string, unknown>): readonly string[] {
  const data = isRecord(ours['data']) ? ours['data'] : {}
  const pairs: [field: string, our: unknown, their: unknown][] = [
    ['symbol', ours['exchangeSymbol'], theirs['symbol']],
    ...valuesOf(ours.type, data, theirs),
  ]
  // Theirs is the time of arrival where the frame says none, or none that they read, and microseconds where it has them.
  const time = ours['exchangeTime']
  const isOfArrival = isDerivative(theirs) && theirs['timestamp'] === theirs['localTimestamp']
  if (time !== null && !isOfArrival) {
    pairs.push(['time', time, Math.floor(Date.parse(String(theirs['timestamp'])))])
  }
  return pairs
    .filter(([, our, their]) => JSON.stringify(our) !== JSON.stringify(their))
    .map(([field, our, their]) => `${ours.type} ${field}: ${JSON.stringify(our)}, not ${JSON.stringify(their)}`)
}

function isDerivative(theirs: Record<string, unknown>): boolean {
  return theirs['type'] === 'derivative_ticker'
}

function valuesOf(
  type: string,
  data: Record<string, unknown>,
  theirs: Record<string, unknown>,
): [field: string, our: unknown, their: unknown][] {
  switch (type) {
    case 'trade':
      return [['id', data['id'], theirs['id']], ...order(data, theirs)]
    case 'liquidation':
      return order(data, theirs)
    case 'book':
      return [
        ['kind', data['kind'], theirs['isSnapshot'] === true ? 'snapshot' : 'update'],
        ['bids', levels(data['bids']), levels(theirs['bids'])],
        ['asks', levels(data['asks']), levels(theirs['asks'])],
      ]
    case 'bbo':
      return [
        ['bid', best(data['bid']), [theirs['bidPrice'], theirs['bidAmount']]],
        ['ask', best(data['ask']), [theirs['askPrice'], theirs['askAmount']]],
      ]
    case 'ticker':
      return [['last', number(data['last']), theirs['lastPrice']]]
    case 'open-interest':
      return [['openInterest', number(data['openInterest']), theirs['openInterest']]]
    default: {
      const time = data['nextFundingTime']
      const all: [field: string, our: unknown, their: unknown][] = [
        ['rate', number(data['rate']), theirs['fundingRate']],
        ['nextFundingTime', typeof time === 'number' ? new Date(time).toISOString() : null, theirs['fundingTimestamp']],
        ['markPrice', number(data['markPrice']), theirs['markPrice']],
        ['indexPrice', number(data['indexPrice']), theirs['indexPrice']],
      ]
      const said = all.filter(([, our]) => our !== null)
      return said.length > 0 ? said : all
    }
  }
}

function order(data: Record<string, unknown>, theirs: Record<string, unknown>): [string, unknown, unknown][] {
  return [
    ['price', number(data['price']), theirs['price']],
    ['size', number(data['size']), theirs['amount']],
    ['side', data['side'], theirs['side']],
  ]
}

function number(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value)
}

/** Ours are pairs of text, theirs records of numbers. */
function levels(list: unknown): readonly unknown[] {
  if (!Array.isArray(list)) return []
  return list.map((level: unknown) =>
    Array.isArray(level) ? level.map(Number) : isRecord(level) && [level['price'], level['amount']],
  )
}

function best(level: unknown): readonly unknown[] {
  return isRecord(level) ? [number(level['price']), number(level['size'])] : [null, null]
}
