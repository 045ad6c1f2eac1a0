import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { RestResource } from '../../src/cli/decode-arguments.ts'
import { AppError } from '../../src/domain/errors.ts'
import type { Instrument } from '../../src/domain/instrument.ts'
import { allSound, decimalField, parseJson, readRows, validate } from '../../src/exchanges/decode.ts'
import { readLevels } from '../../src/exchanges/decode-book.ts'
import { connectorFor, connectors, decoders, exchangeNames } from '../../src/exchanges/registry.ts'
import { fixtureBodies } from './bodies.ts'

function failure(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof AppError && error.code === 'malformed_response') return error.detail
    throw error
  }
  return 'no failure'
}

function outcome(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return error instanceof AppError ? error.detail : error
  }
}

describe('JSON numbers', () => {
  it.each([
    ['[1.10, 1e-08, -0.5]', ['1.10', '1e-08', '-0.5']],
    ['{"id":90071992547409931}', { id: '90071992547409931' }],
    ['{"text":"1.5","price":1.50}', { text: '1.5', price: '1.50' }],
    ['{"a":[{"b":1e400}],"c":null}', { a: [{ b: '1e400' }], c: null }],
    ['[43474.00000000000000001]', ['43474.00000000000000001']],
    ['{"text":"43474.5","id":1}', { text: '43474.5', id: 1 }],
    ['[123456789012345]', [123456789012345]],
  ])('of %s keep every digit', (body, value) => {
    expect(parseJson(body, 'numbers')).toEqual(value)
  })

  it.each(['[1.5.5]', '[01.5]', '[1.]', '[.5]', '[1.5 2]', '[+1.5]', '[1.5,]', '[0x1.5]', '[-]', '[1.5e]'])(
    'as in %s are no JSON',
    (body) => {
      expect(failure(() => parseJson(body, 'numbers'))).toMatch(/^numbers: not JSON/)
    },
  )
})

describe('a body that is none', () => {
  it.each([
    ['<html>busy</html>', 'a page instead of JSON'],
    [' \n<!DOCTYPE html>', 'a page instead of JSON'],
    ['', 'not JSON, or cut off'],
    ['{"a":[1,2', 'not JSON, or cut off'],
    ['[[1.5,', 'not JSON, or cut off'],
  ])('%s says what it is', (body, why) => {
    expect(failure(() => parseJson(body, 'test'))).toBe(`test: ${why}`)
  })

  it('names the first field that is wrong', () => {
    const schema = z.object({ rows: z.array(z.object({ price: decimalField })) })
    const decode = (body: string) => validate(schema, parseJson(body, 'test'), 'test')
    expect(failure(() => decode('{"rows":[{"price":"1"},{"price":"x"}]}'))).toBe('test: rows.1.price: not a decimal')
    expect(decode('{"rows":[{"price":1.50}]}')).toEqual({ rows: [{ price: '1.5' }] })
  })

  it.each(exchangeNames)('of %s is never taken for data', (exchange) => {
    const { instruments, candles, trades, tickers, orderBook, fundingRates } = decoders[exchange]
    for (const body of ['null', '{}', '"text"', '7', 'true', '<html>', '', '{"code":"0"}', '{"data":{}}', '[[1']) {
      for (const decode of [instruments, trades, tickers, orderBook, fundingRates]) {
        if (decode !== undefined) expect(failure(() => decode(body))).not.toBe('no failure')
      }
      expect(failure(() => candles(body, 'spot'))).not.toBe('no failure')
    }
  })
})

describe('lists', () => {
  const schema = z.object({ id: z.int() })

  it('keep a bad record in its place', () => {
    const rows = readRows([{ id: 1 }, { id: 'x' }, 7], () => schema)
    expect(rows).toMatchObject([{ id: 1 }, { raw: '{"id":"x"}' }, { raw: '7' }])
    expect(failure(() => allSound(rows, 'list'))).toMatch(/^list: id: /)
  })

  it('cut a record that is too long to be kept', () => {
    const [row] = readRows(['x'.repeat(9_000)], () => schema)
    expect(row).toMatchObject({ raw: `"${'x'.repeat(1_999)}` })
  })

  it('survive a record that is nested without end', () => {
    const deep = `[${'['.repeat(50_000)}${']'.repeat(50_000)}]`
    expect(decoders.binance.trades(deep)).toMatchObject([{ raw: expect.any(String) }])
    expect(failure(() => decoders.okx.trades(`{"data":1.5,"deep":${deep}}`))).not.toBe('no failure')
  })
})

describe('the levels of a book', () => {
  it('stand best first, whatever their order was', () => {
    const rows = [
      ['9', '1'],
      ['10', '2'],
      ['9.5', '3'],
    ]
    expect(readLevels(rows, 'bids', 'book').map(({ price }) => price)).toEqual(['10', '9.5', '9'])
    expect(readLevels(rows, 'asks', 'book').map(({ price }) => price)).toEqual(['9', '9.5', '10'])
  })

  it('are read all or not at all', () => {
    expect(failure(() => readLevels([['1', '1'], ['2']], 'asks', 'book'))).toBe('book: asks.1: not a level')
    expect(failure(() => readLevels({}, 'bids', 'book'))).toBe('book: bids: not a list')
  })
})

describe('calls', () => {
  const btc: Instrument = {
    ...{ exchange: 'okx', kind: 'spot', symbol: 'BTC-USDT', exchangeSymbol: 'BTC-USDT', base: 'BTC', quote: 'USDT' },
    ...{
      settle: null,
      inverse: false,
      contractSize: null,
      tickSize: null,
      lotSize: null,
      active: true,
      listedAt: null,
    },
  } as const

  it('fail on one bad trade: a hole is worse than nothing', () => {
    const body = '{"code":"0","data":[{"instId":"BTC-USDT","tradeId":"1","px":"x","sz":"1","side":"buy","ts":"1"}]}'
    expect(failure(() => connectors.okx.rest.trades(btc, 1).decode(body))).toBe('okx trades: px: not a decimal')
  })

  it.each(fixtureBodies().filter(({ name }) => /(trades|funding-rates|instruments|candles)\.\w+\.json/.test(name)))(
    'read $name as it reads by itself',
    ({ exchange, resource, kind, text }) => {
      const rest = connectorFor(exchange)?.rest
      if (rest === undefined) return expect.unreachable()
      const of = { ...btc, kind }
      const window = { start: 0, end: 60_000 }
      const decoder = decoders[exchange]
      const answers: Partial<Record<RestResource, readonly [() => unknown, () => unknown]>> = {
        instruments: [() => rest.instruments(kind).decode(text), () => decoder.instruments(text)],
        candles: [() => rest.candles(of, '1m', window, 0).decode(text), () => decoder.candles(text, kind)],
        trades: [() => rest.trades(of, 9).decode(text), () => allSound(decoder.trades(text), `${exchange} trades`)],
        'funding-rates': [
          () => rest.fundingRates?.(of, window).decode(text),
          () => allSound(decoder.fundingRates?.(text) ?? [], exchange),
        ],
      }
      const [asked, alone] = answers[resource] ?? [() => 'nothing asked', () => 'nothing alone']
      expect(outcome(asked)).toEqual(outcome(alone))
    },
  )

  it('name the instrument that they asked for', () => {
    const book = '{"lastUpdateId":1,"bids":[],"asks":[]}'
    expect(connectors.binance.rest.orderBook(btc, 5).decode(book).exchangeSymbol).toBe('BTC-USDT')
  })

  it('hand on the cursor of a page of instruments', () => {
    const page = '{"retCode":0,"result":{"category":"linear","nextPageCursor":"abc","list":[]}}'
    expect(connectors.bybit.rest.instruments('perpetual').decode(page).nextCursor).toBe('abc')
    const last = '{"retCode":0,"result":{"category":"linear","nextPageCursor":"","list":[]}}'
    expect(connectors.bybit.rest.instruments('perpetual').decode(last).nextCursor).toBeNull()
  })

  it('say which code an envelope of an error carries', () => {
    const { decode } = connectors.okx.rest.trades(btc, 1)
    expect(failure(() => decode('{"code":"51001","msg":"","data":[]}'))).toContain('code 51001')
    const bybit = connectors.bybit.rest.trades(btc, 1)
    expect(failure(() => bybit.decode('{"retCode":10001,"result":{"list":[]}}'))).toContain('retCode 10001')
  })
})
