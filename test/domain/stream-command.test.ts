import { describe, expect, it } from 'vitest'
import { readCommand, readTopic, readTopicParam } from '../../src/domain/stream-command.ts'
import { parseTopicKey, topicKey } from '../../src/domain/topic.ts'

const EXCHANGES = ['binance', 'okx']
const keyOf = (arg: unknown, pathExchange: string | null = null) => {
  const reading = readTopic(arg, EXCHANGES, pathExchange)
  return reading.ok ? topicKey(reading.topic) : `${reading.code}: ${reading.detail}`
}

describe('a topic across exchanges', () => {
  it.each([
    [{ channel: 'bbo', exchange: '*', symbol: 'BTC-USDT' }, 'bbo:*:BTC-USDT'],
    [{ channel: 'bbo', exchange: '*', symbol: 'BTC/USDT:USDT', quotes: 'usd-like' }, 'bbo:*:BTC-USDT-PERP:usd-like'],
    [{ channel: 'arbitrage', exchange: '*', symbol: 'BTC-USDT' }, 'arbitrage:*:BTC-USDT:0'],
    [{ channel: 'arbitrage', symbol: 'BTC-USDT', threshold: 0.1 }, 'arbitrage:*:BTC-USDT:0.1'],
    [
      { channel: 'arbitrage', symbol: 'BTC-USDT', threshold: '-1.50', quotes: 'usd-like' },
      'arbitrage:*:BTC-USDT:usd-like:-1.5',
    ],
  ])('%j is %s', (arg, key) => {
    expect(keyOf(arg)).toBe(key)
    expect(topicKey(parseTopicKey(key) ?? expect.fail(key))).toBe(key)
  })

  it.each([
    ['bbo:*:BTC-USDT', 'bbo:*:BTC-USDT'],
    ['bbo:*:BTC/USDT:USDT', 'bbo:*:BTC-USDT-PERP'],
    ['bbo:*:BTC/USDT:USDT:usd-like', 'bbo:*:BTC-USDT-PERP:usd-like'],
    ['arbitrage:BTC-USDT:0.1', 'arbitrage:*:BTC-USDT:0.1'],
    ['arbitrage:*:BTC-USDT:usd-like:-0.5', 'arbitrage:*:BTC-USDT:usd-like:-0.5'],
    ['bbo:*:BTC-USDT:eur-like', 'invalid_request: quotes must be usd-like'],
    ['book:*:BTC-USDT:20', 'invalid_request: exchange * is for bbo and arbitrage only'],
  ])('the parameter %s means %s', (text, key) => {
    expect(keyOf(readTopicParam(text, EXCHANGES))).toBe(key)
  })

  it.each([
    [{ channel: 'trades', exchange: '*', symbol: 'BTC-USDT' }, null, /is for bbo and arbitrage only/],
    [{ channel: 'status', exchange: '*' }, null, /is for bbo and arbitrage only/],
    [{ channel: 'arbitrage', exchange: 'okx', symbol: 'BTC-USDT' }, null, /exchange must be \*/],
    [{ channel: 'bbo', exchange: '*', symbol: 'BTC-USDT' }, 'okx', /is on \/v1\/stream, not on that of okx/],
    [{ channel: 'arbitrage', symbol: 'BTC-USDT' }, 'okx', /is on \/v1\/stream/],
    [{ channel: 'bbo', exchange: '*', symbol: 'cryptopair_okx_btcusdt' }, null, /must name no exchange/],
    [{ channel: 'bbo', exchange: '*', symbol: 'BTC-USDT', quotes: 'usd' }, null, /quotes must be usd-like/],
    [{ channel: 'arbitrage', symbol: 'BTC-USDT', threshold: 'much' }, null, /threshold must be percent/],
    [{ channel: 'arbitrage', symbol: 'BTC-USDT', threshold: 0.0000001 }, null, /threshold must be percent/],
    [{ channel: 'arbitrage', symbol: 'BTC-USD-PERP' }, null, /^unprocessable: sizes of perpetuals/],
  ])('%j on the path of %s is refused', (arg, pathExchange, expected) => {
    expect(keyOf(arg, pathExchange)).toMatch(expected)
  })

  it.each([
    'bbo:*',
    'bbo:*:BTC-USDT:1',
    'arbitrage:*:BTC-USDT',
    'arbitrage:*:BTC-USDT:x',
    'trades:*:BTC-USDT',
    'arbitrage:okx:BTC-USDT',
  ])('%s is the key of none', (key) => expect(parseTopicKey(key)).toBeUndefined())
})

it.each([
  ['{', 'not a command: it is no JSON'],
  ['[]', 'not a command: it must be an object with an op'],
  ['{"op":"buy"}', 'op must be subscribe'],
  ['{"op":"subscribe","args":[]}', 'args: '],
  ['{"op":"configure","conflateMs":-1}', 'conflateMs: '],
])('says what is wrong with %s', (text, detail) => {
  expect(readCommand(text)).toEqual({ op: 'invalid', detail: expect.stringContaining(detail) })
})
