import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDecimal } from '../../src/domain/decimal.ts'
import { AppError } from '../../src/domain/errors.ts'
import { decoders, exchangeNames } from '../../src/exchanges/registry.ts'
import { type Body, decodeBody, fixtureBodies } from './bodies.ts'

const bodies = fixtureBodies().filter((body) => body.resource !== 'error')

/** Any JSON value, with the texts and numbers that exchanges might send by mistake. */
const strange = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom('', 'NaN', '-0', '1e-8', 'Infinity', '0x10', ' 1', '1,5', '-1', '９', '1e999', null, -1, 0.1, 1e21),
)

/** A body in which one to three values of its tree are replaced, left out or doubled. */
function mutated(body: Body): fc.Arbitrary<string> {
  const change = fc.record({ at: fc.nat(), how: fc.constantFrom('replace', 'omit', 'double'), value: strange })
  return fc
    .array(change, { minLength: 1, maxLength: 3 })
    .map((changes) => JSON.stringify(changes.reduce(changeTree, JSON.parse(body.text))))
}

interface Change {
  readonly at: number
  readonly how: string
  readonly value: unknown
}

/** Changes the node that stands `at` (modulo their number) in the order of reading. */
function changeTree(tree: unknown, { at, how, value }: Change): unknown {
  let left = at % Math.max(1, countNodes(tree))
  function visit(node: unknown): unknown {
    if (Array.isArray(node)) return node.flatMap((child) => visitChild(child))
    if (typeof node !== 'object' || node === null) return node
    return Object.fromEntries(
      Object.entries(node).flatMap(([key, child]) => visitChild(child).map((kept) => [key, kept])),
    )
  }
  function visitChild(child: unknown): readonly unknown[] {
    if (left-- !== 0) return [visit(child)]
    if (how === 'omit') return []
    return how === 'double' ? [child, child] : [value]
  }
  return visit(tree)
}

function countNodes(node: unknown): number {
  if (typeof node !== 'object' || node === null) return 0
  return Object.values(node).reduce((sum: number, child) => sum + 1 + countNodes(child), 0)
}

/** A body with its text damaged: cut off, or a piece of it replaced. */
function damaged(body: Body): fc.Arbitrary<string> {
  const place = fc.nat({ max: body.text.length })
  return fc.oneof(
    place.map((end) => body.text.slice(0, end)),
    fc
      .tuple(
        place,
        fc.nat({ max: 8 }),
        fc.constantFrom('', '"', '[', ']', '{', '}', ',', ':', '.', 'e', '-', '0', '<', '\u0000'),
      )
      .map(([at, length, piece]) => body.text.slice(0, at) + piece + body.text.slice(at + length)),
  )
}

const DECIMAL_FIELDS = ['open', 'high', 'low', 'close', 'volume', 'quoteVolume', 'price', 'size', 'rate', 'tickSize']

/** Throws where a decimal of a decoded value is not canonical, or a time is no time. */
function checkValues(value: unknown, key = ''): void {
  if (typeof value === 'object' && value !== null) {
    for (const [name, child] of Object.entries(value)) checkValues(child, name)
  } else if (DECIMAL_FIELDS.includes(key) && value !== null) {
    expect(parseDecimal(String(value))).toBe(value)
  } else if (/Time$/.test(key) && value !== null) {
    expect(Number.isNaN(new Date(Number(value)).getTime())).toBe(false)
  }
}

/** Every decoder of the body's exchange, whatever the body was. */
function decodeByAll({ exchange, kind }: Body, text: string): void {
  const { instruments, candles, priceCandles, trades, tickers, orderBook, fundingRates } = decoders[exchange]
  const decode = [
    instruments,
    (body: string) => candles(body, kind),
    priceCandles,
    trades,
    tickers,
    orderBook,
    fundingRates,
  ]
  for (const read of decode) {
    try {
      checkValues(read?.(text))
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'malformed_response') throw error
    }
  }
}

describe.each(exchangeNames)('bodies of %s that are not as they should be', (exchange) => {
  const ofExchange = bodies.filter((body) => body.exchange === exchange)

  it('give sound values or malformed_response, nothing else, where values are wrong', () => {
    const arbitrary = fc.constantFrom(...ofExchange).chain((body) => fc.tuple(fc.constant(body), mutated(body)))
    fc.assert(
      fc.property(arbitrary, ([body, text]) => decodeByAll(body, text)),
      { numRuns: 400 },
    )
  })

  it('give sound values or malformed_response, nothing else, where the text is damaged', () => {
    const arbitrary = fc.constantFrom(...ofExchange).chain((body) => fc.tuple(fc.constant(body), damaged(body)))
    fc.assert(
      fc.property(arbitrary, ([body, text]) => decodeByAll(body, text)),
      { numRuns: 400 },
    )
  })

  it('never end the command', () => {
    const arbitrary = fc.constantFrom(...ofExchange).chain((body) => fc.tuple(fc.constant(body), damaged(body)))
    fc.assert(
      fc.property(arbitrary, ([body, text]) => {
        const messages = decodeBody({ ...body, text })
        for (const message of messages) expect(() => JSON.parse(JSON.stringify(message))).not.toThrow()
        expect(messages.length).toBeGreaterThan(0)
      }),
      { numRuns: 200 },
    )
  })

  it('never have their meaning classified as an exception', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ofExchange).chain(damaged), fc.integer({ min: 200, max: 599 }), (text, status) => {
        expect(decodeBody({ ...ofExchange[0], resource: 'error', status, text } as Body)).toHaveLength(1)
      }),
      { numRuns: 100 },
    )
  })
})
