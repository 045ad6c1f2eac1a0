import { describe, expect, it } from 'vitest'
import { BINANCE, read, snapshot, types, update } from './book-play.ts'
import { MINUTE, Play, SECOND, topicOf } from './session.ts'

const TRADES = 'trades:binance:BTC-USDT'
const OTHER = 'trades:binance:ETH-USDT'
const DELISTED = 'rejected by the exchange: delisted'

/** A book and trades of an instrument that has fallen silent, while another one's go on. */
class Delisted {
  readonly played = new Play('binance')
  #id = 0

  constructor() {
    const { played } = this
    played.demand(BINANCE, TRADES, OTHER)
    update(played, 9)
    snapshot(played, 10)
    played.trade('BTCUSDT', 1)
    this.wait(40 * SECOND)
  }

  /** The other one goes on. */
  wait(ms: number): void {
    this.played.wait(ms, () => this.played.trade('ETHUSDT', ++this.#id, this.played.open[0]))
  }

  /** What the exchange's list says of it. */
  list(state: 'listed' | 'ended' | 'listed anew'): void {
    const instrument = this.played.instrument('BTC-USDT')
    const successor = state === 'listed anew' ? { ...instrument, id: 777 } : null
    this.played.take({ kind: 'ended', instruments: state === 'listed' ? [] : [{ id: instrument.id, successor }] })
  }

  get subscribed(): string[] {
    return this.played.open.flatMap(({ subscribed }) => [...subscribed]).sort()
  }

  gaps(key: string): unknown[] {
    return this.played.told(key, 'gap').map(({ data }) => data)
  }
}

describe('an instrument that the list shows as ended', () => {
  it('is told to its clients once, refused to others, and listened to no more', () => {
    const delisted = new Delisted()
    const { played } = delisted
    expect(delisted.subscribed).toEqual(['btcusdt@aggTrade', 'btcusdt@depth@100ms', 'ethusdt@aggTrade'])
    expect(types(played, BINANCE)).toEqual(['snapshot'])
    delisted.list('ended')
    delisted.wait(2 * MINUTE)
    delisted.list('ended')
    expect(delisted.gaps(BINANCE)).toEqual([{ reason: DELISTED }])
    expect(delisted.gaps(TRADES)).toEqual([{ reason: DELISTED }])
    expect(delisted.gaps(OTHER)).toEqual([])
    expect(delisted.subscribed).toEqual(['ethusdt@aggTrade'])
    expect(played.session.rejection(topicOf(TRADES), played.instrument('BTC-USDT'))).toBe('delisted')
    expect(read(played, BINANCE)).toHaveProperty('reason')
    delisted.wait(90 * MINUTE)
    expect(delisted.subscribed).toEqual(['ethusdt@aggTrade'])
    expect(played.status.rejected).toEqual([
      { topic: 'btcusdt@depth@100ms', reason: 'delisted' },
      { topic: 'btcusdt@aggTrade', reason: 'delisted' },
    ])
  })

  it('goes on as long as it gives data', () => {
    const delisted = new Delisted()
    delisted.played.trade('BTCUSDT', 2)
    delisted.list('ended')
    expect([delisted.gaps(BINANCE).length, delisted.gaps(TRADES)]).toEqual([1, []])
    delisted.wait(MINUTE)
    delisted.list('ended')
    expect([delisted.gaps(BINANCE).length, delisted.gaps(TRADES).length]).toEqual([1, 1])
  })

  it('works again when it is listed again, and is told again when that ends', () => {
    const delisted = new Delisted()
    const { played } = delisted
    delisted.list('ended')
    delisted.wait(MINUTE)
    delisted.list('listed')
    delisted.wait(5 * SECOND)
    expect(delisted.subscribed).toEqual(['btcusdt@aggTrade', 'btcusdt@depth@100ms', 'ethusdt@aggTrade'])
    update(played, 99)
    snapshot(played, 100)
    expect(types(played, BINANCE).at(-1)).toBe('snapshot')
    expect(played.session.rejection(topicOf(TRADES), played.instrument('BTC-USDT'))).toBeNull()
    delisted.wait(MINUTE)
    delisted.list('ended')
    expect(delisted.gaps(BINANCE)).toHaveLength(2)
  })

  it('works again at once when it is listed again though the exchange itself had refused it', () => {
    const delisted = new Delisted()
    const { played } = delisted
    played.newest = ({ instrument: { symbol } }) =>
      symbol === 'BTC-USDT'
        ? { ok: false, code: 'unknown_instrument', detail: 'Invalid symbol.' }
        : { ok: true, value: { what: 'trade', time: null } }
    delisted.wait(5 * MINUTE)
    delisted.list('ended')
    expect(delisted.gaps(TRADES)).toEqual([{ reason: 'rejected by the exchange: Invalid symbol.' }])
    delisted.wait(90 * MINUTE)
    expect(delisted.subscribed).toEqual(['ethusdt@aggTrade'])
    delisted.list('listed')
    delisted.wait(5 * SECOND)
    expect(delisted.subscribed).toHaveLength(3)
  })

  it('is ended again where the feed was stopped meanwhile', () => {
    const delisted = new Delisted()
    const { played } = delisted
    delisted.list('ended')
    played.take({ kind: 'stop' })
    played.take({ kind: 'start' })
    delisted.wait(MINUTE)
    delisted.list('ended')
    delisted.wait(SECOND)
    expect(delisted.subscribed).toEqual(['ethusdt@aggTrade'])
    expect(delisted.gaps(TRADES)).toHaveLength(1)
  })

  it('goes on as what is listed in its place, in the same line of messages', () => {
    const delisted = new Delisted()
    const { played } = delisted
    delisted.list('ended')
    delisted.wait(MINUTE)
    delisted.list('listed anew')
    expect([...played.session.instrumentIds].sort()).toEqual([played.instrument('ETH-USDT').id, 777].sort())
    delisted.wait(5 * SECOND)
    played.trade('BTCUSDT', 50)
    expect(played.ids(TRADES)).toEqual([1, 50])
    for (const key of [TRADES, BINANCE]) {
      const told = played.told(key)
      expect(told.map(({ seq }) => seq)).toEqual(told.map((_, index) => index + 1))
    }
    update(played, 99)
    expect(played.of('ask-snapshot').at(-1)?.instrument.id).toBe(777)
    snapshot(played, 100)
    expect(types(played, BINANCE).at(-1)).toBe('snapshot')
    played.release(TRADES)
    delisted.wait(2 * MINUTE)
    expect(delisted.subscribed).toEqual(['btcusdt@depth@100ms', 'ethusdt@aggTrade'])
  })
})
