import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { exchangeNames } from '../../src/exchanges/registry.ts'
import { besides, decodeBody, fixtureBodies } from './bodies.ts'

const bodies = fixtureBodies()

describe('the project’s own fixtures', () => {
  it.each(bodies)('$name decodes to what is expected of it', (body) => {
    const symbol = body.exchange === 'coinbase' ? 'BTC-USD' : 'BTC-USDT'
    const options = body.resource === 'error' ? {} : ({ symbol, interval: '1m' } as const)
    const expected = readFileSync(besides(body.path, '.expected.ndjson') ?? body.path, 'utf8')
    const lines = decodeBody(body, options).map((message) => `${JSON.stringify(message)}\n`)
    expect(lines.join('')).toBe(expected)
  })

  it.each(exchangeNames)('cover what %s has', (exchange) => {
    const resources = new Set(bodies.filter((body) => body.exchange === exchange).map((body) => body.resource))
    const common = ['candles', 'error', 'instruments', 'order-book', 'ticker', 'trades']
    expect([...resources].toSorted()).toEqual(
      exchange === 'coinbase' ? common : [...common, 'funding-rates'].toSorted(),
    )
  })
})
