import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decodeInput } from '../../src/cli/decode.ts'
import type { RestOptions } from '../../src/cli/decode-arguments.ts'
import { parseInstrumentsFile } from '../../src/cli/instrument-names.ts'

const defaults: RestOptions = {
  ...{ exchange: 'okx', transport: 'rest', resource: 'trades', kind: 'spot', symbol: null },
  ...{ interval: null, instrumentsFile: null, status: 200 },
}

function fixture(file: string): string {
  return readFileSync(join(import.meta.dirname, '../fixtures', file), 'utf8')
}

function decode(options: Partial<RestOptions>, input: string, list = '') {
  return [...decodeInput({ ...defaults, ...options }, input, parseInstrumentsFile(list))]
}

describe('units', () => {
  const swaps = fixture('okx/instruments.perpetual.expected.ndjson')
  const options = { kind: 'perpetual', symbol: 'BTC-USDT-PERP' } as const

  it('are base units once the contract size is known', () => {
    const trades = fixture('okx/trades.perpetual.json')
    expect(decode(options, trades).at(-1)).toMatchObject({ unit: 'contracts', data: { size: '12.5' } })
    expect(decode(options, trades, swaps).at(-1)).toMatchObject({ data: { size: '0.125' } })
    expect(decode(options, trades, swaps).at(-1)).not.toHaveProperty('unit')
  })

  it('are resolved in books and best prices', () => {
    const book = decode({ ...options, resource: 'order-book' }, fixture('okx/order-book.perpetual.json'), swaps)
    expect(book).toMatchObject([{ data: { bids: [['61234.4', '0.3']], asks: [['61234.6', '0.6']] } }])
    const [, bbo] = decode({ ...options, resource: 'ticker' }, fixture('okx/ticker.perpetual.json'), swaps)
    expect(bbo).toMatchObject({ type: 'bbo', data: { bid: { size: '0.05' }, ask: { size: '0.11' } } })
  })

  it('stay contracts where a contract is worth dollars', () => {
    const book = fixture('okx/order-book.perpetual.json')
    const [message] = decode({ symbol: 'BTC-USD-PERP', resource: 'order-book' }, book, swaps)
    expect(message).toMatchObject({ symbol: 'BTC-USD-PERP', unit: 'contracts', data: { bids: [['61234.4', '30']] } })
  })

  it('are not mentioned where all is in base units', () => {
    for (const message of decode({}, fixture('okx/trades.spot.json'))) expect(message).not.toHaveProperty('unit')
  })
})

describe('input', () => {
  it('may be a record a line', () => {
    const records = JSON.parse(fixture('okx/trades.spot.json')).data.map((record: unknown) => JSON.stringify(record))
    expect(decode({}, `${records.join('\n')}\n`).map(({ type }) => type)).toEqual(['trade', 'trade'])
    const broken = [records[0], records[1].slice(0, 20), records[1]].join('\n')
    expect(decode({}, broken).map(({ type }) => type)).toEqual(['trade', 'invalid', 'trade'])
  })

  it.each(['', '\n', 'null', '<html></html>', '{"code":"0"', '[1,2]'])(
    'that is %j is invalid, and no more',
    (input) => {
      expect(decode({}, input)).toMatchObject([{ type: 'invalid', exchange: 'okx', detail: expect.any(String) }])
    },
  )

  it('without anything for us is ignored', () => {
    expect(decode({}, '{"code":"0","data":[]}')).toEqual([
      { type: 'ignored', exchange: 'okx', detail: 'no trades in the body' },
    ])
    const options = '{"code":"0","data":[{"instType":"OPTION","instId":"BTC-USD-260327-60000-C","state":"live"}]}'
    expect(decode({ resource: 'instruments' }, options)).toMatchObject([{ type: 'ignored' }])
  })

  it('of candles comes out oldest first, even where the exchange kept no order', () => {
    const rows = [0, 2, 1].map((i) => [`${i * 60_000}`, '1', '1', '1', '1', '1', '1', '1', '1'])
    const messages = decode({ resource: 'candles' }, JSON.stringify({ code: '0', data: rows }))
    expect(messages.map(({ data }) => data)).toMatchObject([
      { openTime: 0 },
      { openTime: 60_000 },
      { openTime: 120_000 },
    ])
  })

  it('of an error is classified whole, lines or not', () => {
    const page = '<html>\n<body>403</body>\n</html>'
    expect(decode({ resource: 'error', status: 502 }, page)).toEqual([
      { type: 'error', exchange: 'okx', class: 'retry-after', status: 502, retryAfterMs: null, reason: 'status 502' },
    ])
    expect(decode({ resource: 'error' }, '{"code":"0","data":[]}')).toMatchObject([{ class: 'ok' }])
  })
})
