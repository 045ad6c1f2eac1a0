import { describe, expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import { binanceLive, depths, level, read, types, update } from './book-play.ts'
import { HOUR, MINUTE, Play, SECOND } from './session.ts'
import { bybitBook, coinbaseBook, okxBook, type PlayedBook } from './session-exchange.ts'

const DIFFERENT = "the book differs from the exchange's own"
const REQUEST = { okx: 'books', bybit: 'orderbook.1000', coinbase: 'level2_batch' } as const
const SNAPSHOT = { kind: 'snapshot', from: -1, to: 10, bids: [['9', '1']], asks: [['11', '1']] } as const

/** REST's answer to the newest question of a check: one level a side, and the bid of that size. */
function answer(played: Play, size = '1'): void {
  const question = played.of('ask-book-check').at(-1)
  if (question === undefined) throw new Error('nothing was asked')
  const { instrument, request } = question
  const { exchangeSymbol } = instrument
  const bids = [{ price: decimal('9'), size: decimal(size) }]
  const value = { exchangeSymbol, exchangeTime: null, sequence: null, bids, asks: [level('11')] }
  played.take({ kind: 'book-check', instrumentId: instrument.id, request, answer: { ok: true, value } })
}

describe.each([
  ['okx', 'BTC-USDT', (book: PlayedBook) => okxBook('BTC-USDT', book)],
  ['bybit', 'BTC-USDT', (book: PlayedBook) => bybitBook('BTCUSDT', book)],
  ['coinbase', 'BTC-USD', (book: PlayedBook) => coinbaseBook('BTC-USD', book)],
] as const)('a book of %s', (exchange, symbol, frame) => {
  const key = `book:${exchange}:${symbol}:5`

  /** A book that has begun, and a stream that goes on each second: it takes back what it says. */
  function live() {
    const played = new Play(exchange)
    let sequence = 10
    const goOn = () => {
      const size = sequence % 2 === 0 ? '1' : '0'
      played.frame(frame({ kind: 'update', from: sequence, to: ++sequence, bids: [['8', size]] }))
    }
    const begin = () => {
      sequence = 10
      played.frame(frame(SNAPSHOT))
    }
    played.demand(key)
    begin()
    return { played, goOn, begin, requests: () => requestsOf(played, REQUEST[exchange]) }
  }

  it('is compared with REST soon after it began, and not again for minutes where that agrees', () => {
    const { played, goOn, requests } = live()
    played.wait(10 * SECOND, goOn)
    expect(played.of('ask-book-check')).toMatchObject([{ request: { depth: 1_000 } }])
    answer(played)
    played.wait(7 * MINUTE, goOn)
    expect(played.of('ask-book-check')).toHaveLength(1)
    expect(played.told(key).filter(({ type }) => type === 'resync')).toEqual([])
    expect(requests()).toBe(1)
    played.wait(10 * MINUTE, goOn)
    expect(played.of('ask-book-check').length).toBeGreaterThan(1)
  })

  it('is told to be wrong where that differs, and begins anew', () => {
    const { played, goOn, begin, requests } = live()
    played.wait(10 * SECOND, goOn)
    answer(played, '2')
    played.wait(10 * SECOND, goOn)
    expect(played.told(key, 'resync').map(({ data }) => data)).toEqual([{ reason: DIFFERENT }])
    expect(read(played, key)).toEqual({ reason: DIFFERENT })
    expect([requests(), played.status.resyncs]).toEqual([2, 1])
    begin()
    expect(types(played, key).slice(-2)).toEqual(['resync', 'snapshot'])
  })

  it('begins anew later and later where that does not help', () => {
    const { played, goOn, begin, requests } = live()
    let [answered, asked] = [0, requests()]
    played.wait(HOUR, () => {
      if (requests() > asked) {
        asked = requests()
        begin()
      } else goOn()
      if (played.of('ask-book-check').length === answered) return
      answered += 1
      answer(played, '2')
    })
    expect(answered).toBeGreaterThan(60)
    expect(answered).toBeLessThan(200)
  })
})

describe('a book that only best prices are made of', () => {
  it('is compared with REST like others, less deeply, and begins anew where its best price is wrong', () => {
    const bbo = 'bbo:coinbase:BTC-USD'
    const played = new Play('coinbase')
    played.demand(bbo)
    const bids = [['10', '1'], ...SNAPSHOT.bids] as const
    played.frame(coinbaseBook('BTC-USD', { ...SNAPSHOT, bids }))
    let size = 1
    const goOn = () =>
      played.frame(coinbaseBook('BTC-USD', { kind: 'update', from: 0, to: 0, bids: [['8', String(size++ % 2)]] }))
    played.wait(10 * SECOND, goOn)
    expect(played.of('ask-book-check')).toMatchObject([{ request: { depth: 100 } }])
    answer(played)
    played.wait(10 * SECOND, goOn)
    expect(played.told(bbo, 'stale')).toHaveLength(1)
    expect(played.status.unsynced).toEqual([{ symbol: 'BTC-USD', reason: DIFFERENT }])
    expect(requestsOf(played, REQUEST.coinbase)).toBe(2)
  })

  it('is compared as often as one that is shown', () => {
    const asked = ['bbo:coinbase:BTC-USD', 'book:coinbase:BTC-USD:5'].map((key) => {
      const played = new Play('coinbase')
      played.demand(key)
      played.frame(coinbaseBook('BTC-USD', SNAPSHOT))
      let [size, answered] = [0, 0]
      played.wait(HOUR, () => {
        const bids = [['8', String(size++ % 2)]] as const
        played.frame(coinbaseBook('BTC-USD', { kind: 'update', from: 0, to: 0, bids }))
        if (played.of('ask-book-check').length === answered) return
        answered += 1
        answer(played)
      })
      return answered
    })
    expect(asked[0]).toBe(asked[1])
    expect(asked[0]).toBeGreaterThan(3)
  })
})

describe('a book of Binance', () => {
  it('is compared as deep as the views need, and made of another snapshot where it differs', () => {
    const played = binanceLive()
    played.demand('book:binance:BTC-USDT:200')
    let sequence = 10
    const goOn = () => update(played, sequence, ++sequence)
    played.wait(10 * SECOND, goOn)
    expect(played.of('ask-book-check')).toMatchObject([{ request: { depth: 200 } }])
    const before = depths(played).length
    answer(played, '2')
    played.wait(10 * SECOND, goOn)
    expect(depths(played)).toHaveLength(before + 1)
    expect(read(played, 'book:binance:BTC-USDT:5')).toEqual({ reason: DIFFERENT })
    expect(types(played, 'book:binance:BTC-USDT:5')).toContain('resync')
  })
})

describe('many books', () => {
  it('are compared one after the other', () => {
    const played = new Play('okx')
    const symbols = Array.from({ length: 20 }, (_, n) => `C${n}-USDT`)
    for (const symbol of symbols) {
      played.demand(`book:okx:${symbol}:5`)
      played.frame(okxBook(symbol, SNAPSHOT))
    }
    let most = 0
    played.wait(20 * SECOND, () => {
      most = Math.max(most, played.fresh('ask-book-check').length)
    })
    const asked = played.of('ask-book-check').map(({ instrument: { symbol } }) => symbol)
    expect([most, asked.length, new Set(asked).size]).toEqual([1, 14, 14])
  })
})

/** How often a stream was subscribed. */
function requestsOf({ sockets }: Play, name: string): number {
  const sent = [...sockets.values()].flatMap((socket) => socket.sent)
  return sent.filter(({ frame }) => frame.includes('"subscribe"') && frame.includes(name)).length
}
