import { describe, expect, it } from 'vitest'
import type { Answer } from '../../src/domain/answer.ts'
import type { Candle } from '../../src/domain/candle.ts'
import { decimal } from '../../src/domain/decimal.ts'
import type { ErrorCode } from '../../src/domain/errors.ts'
import { HOUR, MINUTE, Play, SECOND, START, topicOf } from './session.ts'
import { binanceCandle, okx } from './session-exchange.ts'

const CANDLES = 'candles:binance:BTC-USDT:1m'
const BUILT = 'candles:coinbase:BTC-USD:1m'

/** The candle of minute `n`. */
function candle(n: number, close = '100'): Candle {
  const price = decimal('100')
  const values = { open: price, high: decimal('200'), low: decimal('1'), close: decimal(close), volume: decimal('1') }
  return { openTime: START + n * MINUTE, ...values, quoteVolume: null, tradeCount: null, closed: true }
}

function hear(played: Play, n: number, closed: boolean): void {
  played.frame(binanceCandle('BTCUSDT', '1m', { openTime: START + n * MINUTE, closed }))
}

/** REST's answer to the newest question. */
function reply(played: Play, answer: Answer<readonly Candle[]>): void {
  const question = played.of('ask-candles').at(-1)
  if (question === undefined) throw new Error('nothing was asked')
  const { instrument, interval, window } = question
  played.take({ kind: 'candles', instrumentId: instrument.id, interval, window, answer })
}

function answer(played: Play, candles: readonly Candle[]): void {
  reply(played, { ok: true, value: candles })
}

function refuse(played: Play, refusal: { readonly code: ErrorCode; readonly retryAfterMs?: number }): void {
  reply(played, { ok: false, detail: 'not now', ...refusal })
}

/** The minutes of the closed candles that were told; `-` stands for a gap, `?` for an open one. */
function closed(played: Play, key: string): string[] {
  return played.told(key).map(({ type, data }) => {
    if (type === 'gap') return '-'
    return data['closed'] === true ? String((Number(data['openTime']) - START) / MINUTE) : '?'
  })
}

describe('streamed candles', () => {
  it('are told open and closed, each closed one once; only recorded ones are stored', () => {
    const played = new Play('binance')
    played.demand(CANDLES)
    hear(played, 0, false)
    hear(played, 0, true)
    hear(played, 0, true)
    played.wait(MINUTE)
    hear(played, 1, false)
    expect(closed(played, CANDLES)).toEqual(['?', '0', '?'])
    expect(played.of('store-candle')).toEqual([])
    played.take({ kind: 'record', instruments: [{ instrument: played.instrument('BTC-USDT'), intervals: ['1m'] }] })
    hear(played, 1, true)
    hear(played, 1, true)
    expect(played.of('store-candle')).toMatchObject([{ interval: '1m', candle: { openTime: START + MINUTE } }])
  })

  it('that closed during an outage are told closed, in order, before newer ones, once REST has them', () => {
    const played = new Play('binance')
    played.demand(CANDLES)
    hear(played, 0, true)
    played.drop()
    played.wait(3 * MINUTE + 500)
    hear(played, 3, false)
    expect(played.of('ask-candles')).toEqual([])
    played.wait(7 * SECOND)
    expect(played.of('ask-candles')).toMatchObject([{ window: { start: START + MINUTE, end: START + 3 * MINUTE } }])
    hear(played, 3, false)
    hear(played, 3, true)
    hear(played, 3, false)
    expect(closed(played, CANDLES)).toEqual(['0'])
    answer(played, [candle(2), candle(1), candle(3)])
    expect(closed(played, CANDLES)).toEqual(['0', '1', '2', '3'])
    played.wait(MINUTE)
    expect(played.of('ask-candles')).toHaveLength(1)
  })

  it('that REST lacks are asked for once more, then told as a gap', () => {
    const played = new Play('binance')
    played.demand(CANDLES)
    hear(played, 0, true)
    played.wait(4 * MINUTE + 10 * SECOND)
    hear(played, 4, false)
    answer(played, [candle(1), candle(3)])
    expect(closed(played, CANDLES)).toEqual(['0'])
    played.wait(4 * SECOND)
    expect(played.of('ask-candles')).toHaveLength(2)
    answer(played, [candle(1)])
    expect(closed(played, CANDLES)).toEqual(['0', '1', '-', '3', '?'])
    expect(played.told(CANDLES, 'gap')[0]?.data).toMatchObject({ from: START + 2 * MINUTE, to: START + 3 * MINUTE })
  })

  it('that REST has a moment later are told without a gap', () => {
    const played = new Play('binance')
    played.demand(CANDLES)
    hear(played, 0, true)
    played.wait(2 * MINUTE + 10 * SECOND)
    hear(played, 2, false)
    answer(played, [])
    played.wait(4 * SECOND)
    answer(played, [candle(1)])
    expect(closed(played, CANDLES)).toEqual(['0', '1', '?'])
  })

  it('are a gap where REST refuses, or does not answer; what comes after goes on', () => {
    const played = new Play('binance')
    played.demand(CANDLES)
    hear(played, 0, true)
    played.wait(2 * MINUTE + 10 * SECOND)
    hear(played, 2, false)
    refuse(played, { code: 'rate_limited', retryAfterMs: MINUTE })
    expect(closed(played, CANDLES)).toEqual(['0', '-', '?'])
    hear(played, 2, true)
    played.wait(2 * MINUTE)
    hear(played, 4, false)
    played.wait(2 * MINUTE)
    expect(closed(played, CANDLES)).toEqual(['0', '-', '?', '2', '-', '?'])
    // The answer to that comes now: nobody waits for it any more.
    answer(played, [candle(3)])
    expect(closed(played, CANDLES)).toEqual(['0', '-', '?', '2', '-', '?'])
    expect(played.status.gaps).toBe(2)
  })

  it('that REST refuses for a moment are asked for again, and no answer to an earlier question counts', () => {
    const played = new Play('binance')
    played.demand(CANDLES)
    hear(played, 0, true)
    played.wait(2 * MINUTE + 10 * SECOND)
    hear(played, 2, false)
    refuse(played, { code: 'exchange_unavailable', retryAfterMs: 4 * SECOND })
    refuse(played, { code: 'exchange_unavailable', retryAfterMs: HOUR })
    played.wait(3 * SECOND)
    expect(played.of('ask-candles')).toHaveLength(1)
    played.wait(2 * SECOND)
    expect(played.of('ask-candles')).toHaveLength(2)
    answer(played, [candle(1)])
    expect(closed(played, CANDLES)).toEqual(['0', '1', '?'])
    expect(played.status.gaps).toBe(0)
  })

  it('that REST goes on to refuse are a gap within the time in which an answer would have to come', () => {
    const played = new Play('binance')
    played.demand(CANDLES)
    hear(played, 0, true)
    played.wait(2 * MINUTE + 10 * SECOND)
    hear(played, 2, false)
    for (let asked = 1; asked <= 5; asked++) {
      expect(closed(played, CANDLES)).toEqual(['0'])
      expect(played.of('ask-candles')).toHaveLength(asked)
      refuse(played, { code: 'exchange_unavailable' })
      played.wait(3 * SECOND)
    }
    expect(closed(played, CANDLES)).toEqual(['0', '-', '?'])
    expect(played.of('ask-candles')).toHaveLength(5)
  })

  it('of an instrument that the exchange does not know are a gap at once', () => {
    const played = new Play('binance')
    played.demand(CANDLES)
    hear(played, 0, true)
    played.wait(2 * MINUTE + 10 * SECOND)
    hear(played, 2, false)
    refuse(played, { code: 'unknown_instrument' })
    expect(closed(played, CANDLES)).toEqual(['0', '-', '?'])
  })

  it('are asked for in part where the outage was long', () => {
    const played = new Play('binance')
    played.demand(CANDLES)
    hear(played, 0, true)
    played.wait(1_000 * MINUTE, () => played.take({ kind: 'flush' }))
    hear(played, 999, false)
    const [asked] = played.of('ask-candles')
    expect(asked?.window).toEqual({ start: START + 699 * MINUTE, end: START + 999 * MINUTE })
    expect(played.told(CANDLES, 'gap')[0]?.data).toMatchObject({ from: START + MINUTE, to: START + 699 * MINUTE })
  })

  it.each(['binance', 'okx'] as const)('never go back, while two sockets bring them (%s)', (exchange) => {
    const key = `candles:${exchange}:BTC-USDT:1m`
    const played = new Play(exchange)
    played.demand(key)
    const hearOpen = (second: number, price: string, openTime = START) => {
      const row = [openTime, '100', '200', '1', price, String(second), '1', '1', '0'].map(String)
      if (exchange === 'okx') played.frame(okx('candle1m', 'BTC-USDT', [row]))
      else played.frame(binanceCandle('BTCUSDT', '1m', { openTime, closed: false, close: price, second }))
    }
    hearOpen(1, '10')
    hearOpen(3, '30')
    hearOpen(2, '20')
    hearOpen(3, '31')
    // What a later slot begins with is less than what an earlier one had come to.
    hearOpen(0, '5', START + MINUTE)
    played.wait(MINUTE + 10 * SECOND)
    answer(played, [candle(0)])
    expect(played.told(key).map(({ data }) => data['close'])).toEqual(['10', '30', '31', '100', '5'])
  })

  it('that closed while no instance ran are asked for after a restart', () => {
    const before = new Play('binance')
    before.demand(CANDLES)
    hear(before, 0, true)
    const after = new Play('binance', { marks: before.session.checkpoint() })
    after.demand(CANDLES)
    after.wait(2 * MINUTE + 10 * SECOND)
    hear(after, 2, false)
    expect(after.of('ask-candles')).toMatchObject([{ window: { start: START + MINUTE, end: START + 2 * MINUTE } }])
  })
})

describe('candles built from trades', () => {
  /** Subscribed in the middle of minute 0; a trade each 10 s from then on. */
  function built(options: { marks?: Play['session'] extends { checkpoint(): infer M } ? M : never } = {}) {
    const played = new Play('coinbase', options)
    played.now = START + 30 * SECOND
    played.demand(BUILT)
    let id = 0
    const flow = (ms: number) =>
      played.wait(ms, () => {
        const beat = { type: 'heartbeat', last_trade_id: id, product_id: 'BTC-USD', sequence: 1 }
        if (played.open.length === 0) return
        played.frame(JSON.stringify({ ...beat, time: new Date(played.now).toISOString() }))
        if (played.now % (10 * SECOND) === 0) played.trade('BTC-USD', ++id)
      })
    const miss = () => {
      id += 1
    }
    return { played, flow, miss }
  }

  it('wait for matches that come late: the clock of the exchange closes them, not ours', () => {
    const { played, flow } = built()
    flow(145 * SECOND)
    answer(played, [candle(0)])
    const told = closed(played, BUILT).filter((minute) => minute !== '?')
    // The end of minute 2 passes without a word from the exchange; then it goes on with what happened before.
    played.now = START + 187 * SECOND
    played.take({ kind: 'tick' })
    expect(closed(played, BUILT).filter((minute) => minute !== '?')).toEqual(told)
    played.frame(played.protocol.trade('BTC-USD', 15, START + 178 * SECOND))
    const beat = { type: 'heartbeat', last_trade_id: 15, product_id: 'BTC-USD', sequence: 1 }
    played.frame(JSON.stringify({ ...beat, time: new Date(played.now).toISOString() }))
    played.take({ kind: 'tick' })
    const last = played.told(BUILT).findLast(({ data }) => data['closed'] === true)
    expect(last?.data).toMatchObject({ openTime: START + 2 * MINUTE, tradeCount: 7 })
  })

  it('are told once their slot is over; that in which the trades begin is asked of REST first', () => {
    const { played, flow } = built()
    flow(4 * MINUTE)
    expect(played.of('ask-candles')).toMatchObject([{ window: { start: START, end: START + MINUTE } }])
    expect(closed(played, BUILT).filter((minute) => minute !== '?')).toEqual(['-', '1', '2', '3'])
    const second = built()
    second.flow(100 * SECOND)
    expect(closed(second.played, BUILT)).not.toContain('1')
    answer(second.played, [candle(0)])
    second.flow(MINUTE)
    expect(closed(second.played, BUILT).filter((minute) => minute !== '?')).toEqual(['0', '1', '2'])
  })

  it('that REST refuses for a moment are asked for again', () => {
    const { played, flow } = built()
    flow(100 * SECOND)
    expect(played.of('ask-candles')).toHaveLength(1)
    refuse(played, { code: 'exchange_unavailable' })
    flow(4 * SECOND)
    expect(played.of('ask-candles')).toHaveLength(2)
    answer(played, [candle(0)])
    flow(MINUTE)
    expect(closed(played, BUILT).filter((minute) => minute !== '?')).toEqual(['0', '1', '2'])
  })

  it('wait for older ones that were missed', () => {
    const { played, flow, miss } = built()
    flow(100 * SECOND)
    answer(played, [candle(0)])
    const { socket } = played
    played.isHelpful = false
    played.drop(socket)
    flow(30 * SECOND)
    miss()
    played.isHelpful = true
    played.openNext()
    for (const name of ['matches', 'heartbeat']) played.socket.subscribed.add(`${name}:BTC-USD`)
    const channels = ['matches', 'heartbeat'].map((name) => ({ name, product_ids: ['BTC-USD'] }))
    played.frame(JSON.stringify({ type: 'subscriptions', channels }))
    // REST cannot say: the trades of that minute are a gap.
    played.wait(6 * SECOND)
    const { hole, instrument } = played.of('ask-trades')[0] ?? {}
    if (hole === undefined || instrument === undefined) throw new Error('nothing was asked')
    const refusal = { ok: false, code: 'rate_limited', detail: 'too many' } as const
    played.take({ kind: 'trades', instrumentId: instrument.id, hole, answer: refusal })
    flow(HOUR / 10)
    const asked = played.of('ask-candles').at(-1)
    expect(asked?.window).toEqual({ start: START + 2 * MINUTE, end: START + 3 * MINUTE })
    expect(closed(played, BUILT).filter((minute) => minute !== '?')).toEqual(['0', '1', '-', '3', '4', '5', '6', '7'])
  })

  it('are asked for as they come to be ripe, though not one of the newer slots is sure', () => {
    const { played, flow, miss } = built()
    const pass = () => {
      flow(SECOND)
      for (const effect of played.freshEffects()) {
        const refusal = { ok: false, code: 'rate_limited', detail: 'too many' } as const
        if (effect.kind === 'ask-trades') {
          const { hole, instrument } = effect
          played.take({ kind: 'trades', instrumentId: instrument.id, hole, answer: refusal })
        } else if (effect.kind === 'ask-candles')
          answer(
            played,
            [0, 1, 2, 3, 4, 5].map((n) => candle(n)),
          )
      }
    }
    for (let second = 30; second < 6 * 60; second++) {
      if (second % 60 === 35) miss()
      pass()
    }
    expect(closed(played, BUILT).filter((minute) => !'?-'.includes(minute))).toEqual(['0', '1', '2', '3'])
  })

  it('end where the exchange refuses their trades: clients are told, and see none that stands open', () => {
    const played = new Play('coinbase')
    played.demand(BUILT)
    played.trade('BTC-USD', 1)
    played.wait(70 * SECOND, () => played.trade('BTC-USD', played.now / SECOND))
    expect(played.session.state(topicOf(BUILT), played.now).message).not.toBeNull()
    played.trade('BTC-USD', 1 + played.now / SECOND)
    played.newest = () => ({ ok: false, code: 'unknown_instrument', detail: 'NotFound' })
    played.wait(HOUR)
    expect(played.status.rejected).toMatchObject([{ topic: 'matches:BTC-USD' }])
    const gaps = played.told(BUILT, 'gap').map(({ data }) => data['reason'])
    expect(gaps).toContain('rejected by the exchange: NotFound')
    expect(played.session.state(topicOf(BUILT), played.now).message).toBeNull()
  })

  it('are never built before their trades are heard', () => {
    const played = new Play('coinbase', { isHelpful: false })
    played.take({ kind: 'record', instruments: [{ instrument: played.instrument('BTC-USD'), intervals: ['1m'] }] })
    played.wait(150 * SECOND)
    played.isHelpful = true
    const socket = played.openNext()
    for (const frame of played.protocol.answer(socket.sent[0]?.frame ?? '', socket.subscribed)) played.frame(frame)
    let id = 0
    played.wait(90 * SECOND, () => played.trade('BTC-USD', ++id))
    expect(played.of('store-candle')).toEqual([])
    expect(played.of('ask-candles')).toEqual([])
    played.wait(20 * SECOND, () => played.trade('BTC-USD', ++id))
    expect(played.of('ask-candles')).toMatchObject([{ window: { start: START + 2 * MINUTE, end: START + 3 * MINUTE } }])
  })

  it('go on after a restart with what no instance has told', () => {
    const { played, flow } = built()
    flow(150 * SECOND)
    answer(played, [candle(0)])
    const marks = played.session.checkpoint()
    const after = new Play('coinbase', { marks })
    after.now = START + 5 * MINUTE + 20 * SECOND
    after.demand(BUILT)
    after.wait(8 * SECOND)
    const { hole, instrument } = after.of('ask-trades')[0] ?? {}
    if (hole === undefined || instrument === undefined) throw new Error('nothing was asked')
    const nothing = { ok: true, value: { trades: [], isComplete: true } } as const
    after.take({ kind: 'trades', instrumentId: instrument.id, hole, answer: nothing })
    after.wait(3 * MINUTE, () => {
      const beat = { type: 'heartbeat', last_trade_id: 1, product_id: 'BTC-USD', sequence: 1 }
      after.frame(JSON.stringify({ ...beat, time: new Date(after.now).toISOString() }))
    })
    // Minute 2 was begun, and not told.
    expect(after.of('ask-candles')[0]?.window.start).toBe(START + 2 * MINUTE)
  })
})
