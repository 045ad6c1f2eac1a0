import { expect, it } from 'vitest'
import { publishedFees } from '../../src/exchanges/fees.ts'
import { connectors, exchangeNames } from '../../src/exchanges/registry.ts'

const markets = exchangeNames.flatMap((exchange) =>
  (['spot', 'perpetual'] as const).map((kind) => ({ exchange, kind, isTraded: connectors[exchange].rest.baseUrl })),
)

it.each(markets)('the fees of $exchange $kind are fractions with a source, where there is such a market', (market) => {
  const { exchange, kind, isTraded } = market
  const fees = publishedFees(exchange, kind)
  expect(fees === null).toBe(!(kind in isTraded))
  if (fees === null) return
  const [maker, taker] = [Number(fees.maker), Number(fees.taker)]
  expect(maker).toBeGreaterThan(0)
  expect(taker).toBeGreaterThanOrEqual(maker)
  // Nobody asks for a percent: such a number would be one that was not divided by 100.
  expect(taker).toBeLessThan(0.01)
  expect(new URL(fees.source).hostname).toContain(exchange)
})

it('knows no fees of exchanges that users bring', () => {
  for (const name of ['acme', 'constructor', '__proto__']) expect(publishedFees(name, 'spot')).toBeNull()
})
