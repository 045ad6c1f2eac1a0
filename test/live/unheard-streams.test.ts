import { describe, expect, it } from 'vitest'
import type { Newest } from '../../src/live/feed-io.ts'
import { HOUR, MINUTE, newestBook, Play, SECOND } from './session.ts'
import { binance, okx, okxBook } from './session-exchange.ts'

/** What OKX acknowledges beside a book of ETH that flows on the same socket; REST has ever newer books and trades. */
function besideEth(...keys: readonly string[]): { played: Play; flow: (ms: number) => void } {
  const played = new Play('okx')
  played.demand('book:okx:ETH-USDT:5', ...keys)
  const levels = { bids: [['9', '1']], asks: [['11', '1']] } as const
  const snapshot = () => played.frame(okxBook('ETH-USDT', { kind: 'snapshot', from: -1, to: 1, ...levels }))
  snapshot()
  let price = 100
  played.newest = ({ what }) => {
    price += 1
    return what === 'book' ? newestBook(`${price}`, `${price + 1}`) : { ok: true, value: { what, time: played.now } }
  }
  let { socket } = played
  let to = 1
  const flow = (ms: number) =>
    played.wait(ms, () => {
      if (played.open.length === 0) return
      if (played.socket !== socket) {
        socket = played.socket
        to = 1
        snapshot()
      }
      to += 1
      played.frame(okxBook('ETH-USDT', { kind: 'update', from: to - 1, to, bids: [['9', String(to)]] }))
    })
  return { played, flow }
}

const requestsIn = (played: Play) => played.fresh('send').filter(({ frame }) => frame.includes('"subscribe"')).length

describe('a stream of OKX that is acknowledged and never speaks while others flow', () => {
  it('is stale where it gives the best prices and REST has some: told, and tried again ever less often', () => {
    const { played, flow } = besideEth('bbo:okx:BTC-USDT')
    flow(20 * SECOND)
    expect(played.told('bbo:okx:BTC-USDT').map(({ type }) => type)).toEqual(['stale'])
    expect(played.status).toMatchObject({ state: 'stale', stale: ['bbo-tbt:BTC-USDT'], quiet: [] })
    flow(HOUR)
    expect(played.status).toMatchObject({ state: 'stale', stale: ['bbo-tbt:BTC-USDT'], quiet: [] })
    expect(played.sockets.size).toBe(2)
    expect(played.of('ask-newest').length).toBeLessThan(12)
    played.fresh('send')
    flow(6 * HOUR)
    expect(requestsIn(played)).toBeLessThan(8)
    const best = { asks: [['101', '1', '0', '1']], bids: [['100', '1', '0', '1']], ts: String(played.now), seqId: 9 }
    played.frame(okx('bbo-tbt', 'BTC-USDT', [best]))
    flow(SECOND)
    expect(played.status).toMatchObject({ state: 'live', stale: [] })
  })

  it('is quiet where it gives the best prices and REST has none', () => {
    const { played, flow } = besideEth('bbo:okx:BTC-USDT')
    const value: Newest = { what: 'book', sequence: null, bids: [], asks: [] }
    played.newest = () => ({ ok: true, value })
    flow(HOUR)
    expect(played.told('bbo:okx:BTC-USDT')).toEqual([])
    expect(played.status).toMatchObject({ state: 'live', stale: [], quiet: ['bbo-tbt:BTC-USDT'] })
  })

  it.each([
    [
      'funding:okx:BTC-USDT-PERP',
      ['funding-rate:BTC-USDT-SWAP', 'mark-price:BTC-USDT-SWAP'],
      ['index-tickers:BTC-USDT'],
    ],
    ['open-interest:okx:BTC-USDT-PERP', ['open-interest:BTC-USDT-SWAP'], []],
  ])('is stale after two minutes where it speaks by the clock, unless it may not exist: %s', (key, stale, quiet) => {
    const { played, flow } = besideEth(key)
    flow(118 * SECOND)
    expect(played.told(key)).toEqual([])
    flow(20 * SECOND)
    expect(played.told(key).map(({ type }) => type)).toContain('stale')
    flow(HOUR)
    expect(played.status).toMatchObject({ state: 'stale', stale, quiet })
    expect(played.sockets.size).toBe(2)
    expect(played.of('ask-newest')).toEqual([])
  })

  it('costs one new socket, however many they are', () => {
    const keys = Array.from({ length: 30 }, (_, n) => `funding:okx:A${n}-USDT-PERP`)
    const { played, flow } = besideEth(...keys)
    flow(HOUR)
    expect(played.sockets.size).toBe(2)
    played.fresh('send')
    flow(2 * HOUR)
    expect(requestsIn(played)).toBeLessThan(10)
  })
})

describe('the open interest of OKX, which is told when it has changed', () => {
  const key = 'open-interest:okx:BTC-USDT-PERP'
  const heard = () => {
    const { played, flow } = besideEth(key)
    for (let n = 0; n < 20; n++) {
      const [instId, ts] = ['BTC-USDT-SWAP', String(played.now)]
      played.frame(okx('open-interest', instId, [{ instId, instType: 'SWAP', oi: `${n}`, oiCcy: `${n}`, ts }]))
      flow(3 * SECOND)
    }
    return { played, flow }
  }

  it('is quiet while nobody trades', () => {
    const { played, flow } = heard()
    played.newest = () => ({ ok: true, value: { what: 'trade', time: null } })
    flow(HOUR)
    expect(played.told(key, 'stale')).toEqual([])
    expect(played.status.quiet).toEqual(['open-interest:BTC-USDT-SWAP'])
  })

  it('is stale where it stays silent though somebody trades', () => {
    const { played, flow } = heard()
    flow(2 * MINUTE)
    expect(played.told(key, 'stale').length).toBeGreaterThan(0)
  })
})

describe('best prices of Binance, which are told as they change and not at first', () => {
  const key = 'bbo:binance:BTC-USDT'
  const besideTrades = () => {
    const played = new Play('binance')
    played.demand(key, 'trades:binance:ETH-USDT')
    let id = 0
    const flow = (ms: number) =>
      played.wait(ms, () => {
        for (const socket of played.open) played.trade('ETHUSDT', ++id, socket)
      })
    let book = newestBook('9', '11')
    played.newest = () => book
    const move = (bid: string) => {
      book = newestBook(bid, '11')
    }
    return { played, flow, move }
  }

  it('are quiet where they were never heard and REST always has the same', () => {
    const { played, flow } = besideTrades()
    flow(6 * HOUR)
    expect(played.told(key)).toEqual([])
    expect(played.status).toMatchObject({ state: 'live', stale: [], quiet: ['btcusdt@bookTicker'] })
    expect(played.of('ask-newest').length).toBeLessThan(15)
    expect(played.sockets.size).toBe(1)
  })

  it('are stale where they were never heard and REST has others than at first', () => {
    const { played, flow, move } = besideTrades()
    flow(15 * SECOND)
    move('10')
    flow(15 * SECOND)
    expect(played.told(key).map(({ type }) => type)).toEqual(['stale'])
    expect(played.status).toMatchObject({ state: 'stale', stale: ['btcusdt@bookTicker'] })
    const best = { u: 4, s: 'BTCUSDT', b: '10', B: '1', a: '11', A: '1' }
    played.frame(binance('btcusdt@bookTicker', best))
    flow(SECOND)
    expect(played.status).toMatchObject({ state: 'live', stale: [] })
  })

  it('are not stale for what changed before they were subscribed anew', () => {
    const { played, flow, move } = besideTrades()
    flow(15 * SECOND)
    played.drop()
    move('10')
    flow(HOUR)
    expect(played.told(key, 'stale')).toEqual([])
    expect(played.status.quiet).toEqual(['btcusdt@bookTicker'])
  })
})
