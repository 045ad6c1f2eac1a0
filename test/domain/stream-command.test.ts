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
    [
      { channel: 'arbitrage', symbol: 'BTC-USDT', fees: 'okx:0.00050,binance:0' },
      'arbitrage:*:BTC-USDT:0:binance=0,okx=0.0005',
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
    ['arbitrage:BTC-USDT:usd-like:0.1', 'arbitrage:*:BTC-USDT:usd-like:0.1'],
    ['arbitrage:*:BTC/USDT:USDT:0.1', 'arbitrage:*:BTC-USDT-PERP:0.1'],
    ['arbitrage:*:BTC/USDT:USDT', 'arbitrage:*:BTC-USDT-PERP:0'],
    ['arbitrage:*:BTC-USDT:okx=0.0005', 'arbitrage:*:BTC-USDT:0:okx=0.0005'],
    ['arbitrage:*:BTC-USDT:usd-like:1:okx=0,binance=0', 'arbitrage:*:BTC-USDT:usd-like:1:binance=0,okx=0'],
    ['arbitrage:*:BTC-USDT:abc', 'invalid_request: threshold must be percent with at most 6 places, such as 0.05'],
    ['arbitrage:*:BTC-USDT:eur-like', 'invalid_request: quotes must be usd-like'],
    ['arbitrage:*:BTC-USDT:okx=x', 'invalid_request: fees: the fee of okx must be a fraction from 0 to 0.1'],
    ['bbo:*:BTC-USDT:okx=0', 'invalid_request: fees are for arbitrage only'],
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
    [{ channel: 'arbitrage', symbol: 'BTC-USDT', fees: 'kraken:0' }, null, /fees: kraken is none of binance, okx/],
    [{ channel: 'arbitrage', symbol: 'BTC-USDT', fees: 'okx:0,okx:0.1' }, null, /fees: okx has two fees/],
    [{ channel: 'bbo', exchange: '*', symbol: 'BTC-USDT', fees: 'okx:0' }, null, /fees are for arbitrage only/],
    [{ channel: 'trades', symbol: 'BTC-USDT', fees: 'okx:0' }, 'okx', /fees are for arbitrage only/],
  ])('%j on the path of %s is refused', (arg, pathExchange, expected) => {
    expect(keyOf(arg, pathExchange)).toMatch(expected)
  })

  it.each([
    'bbo:*',
    'bbo:*:BTC-USDT:1',
    'arbitrage:*:BTC-USDT',
    'arbitrage:*:BTC-USDT:x',
    'arbitrage:*:BTC-USDT:0:x',
    'arbitrage:*:BTC-USDT:0:okx=0:1',
    'trades:*:BTC-USDT',
    'arbitrage:okx:BTC-USDT',
  ])('%s is the key of none', (key) => expect(parseTopicKey(key)).toBeUndefined())
})

it.each([
  [{ channel: 'arbitrage', symbol: 'BTC-USDT', treshold: 1 }, 'treshold: a topic has no such member, only channel, '],
  [{ channel: 'trades', exchange: 'okx', symbol: 'BTC-USDT', limit: 5, from: 1 }, 'limit, from: a topic has no such'],
  [{ channel: 'trades', exchange: 7 }, 'exchange: '],
  ['trades', 'must be an object with channel, exchange'],
])('the arg %j is refused by what is wrong with it', (arg, detail) => {
  expect(readTopic(arg, EXCHANGES, null)).toEqual({
    ok: false,
    code: 'invalid_request',
    detail: expect.stringContaining(detail),
  })
})

it.each([
  ['{', 'not a command: it is no JSON'],
  ['[]', 'not a command: it must be an object with an op'],
  ['{"op":"buy"}', 'op must be subscribe'],
  ['{"op":"subscribe","args":[]}', 'args: '],
  ['{"op":"configure","conflateMs":-1}', 'conflateMs: '],
])('says what is wrong with %s', (text, detail) => {
  expect(readCommand(text)).toEqual({ op: 'invalid', id: null, detail: expect.stringContaining(detail) })
})
