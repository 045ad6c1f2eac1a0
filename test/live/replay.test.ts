import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Candle } from '../../src/domain/candle.ts'
import type { Clock } from '../../src/domain/clock.ts'
import { decimal } from '../../src/domain/decimal.ts'
import type { StoredTrade } from '../../src/domain/trade-chunk.ts'
import { Replay, type ReplaySource } from '../../src/live/replay.ts'
import { type CandlePage, replayCandles } from '../../src/live/replay-candles.ts'
import { pacedFrom } from '../../src/live/replay-pace.ts'
import { replayTrades, TradeOrder, type TradePage } from '../../src/live/replay-trades.ts'

const MINUTE = 60_000
const SETTLE_MS = 5_000
const T0 = Date.UTC(2026, 0, 1)
const OF = { exchange: 'okx', symbol: 'BTC-USDT', depth: null }
const TRADES = { ...OF, channel: 'trades', interval: null } as const
const CANDLES = { ...OF, channel: 'candles', interval: '1m' } as const

const message = z.looseObject({
  type: z.string(),
  seq: z.int().optional(),
  prevSeq: z.int().optional(),
  receivedTime: z.int().optional(),
  data: z.record(z.string(), z.unknown()).optional(),
})
type Message = z.infer<typeof message>

async function* pagesOf<T>(pages: readonly T[]): AsyncGenerator<T> {
  yield* pages
}

async function collect(frames: AsyncIterable<readonly string[]>): Promise<(readonly string[])[]> {
  const all: (readonly string[])[] = []
  for await (const frame of frames) all.push(frame)
  return all
}

const tradesFrom = (...pages: readonly TradePage[]): ReplaySource => ({
  topic: TRADES,
  records: replayTrades(pagesOf(pages)),
})
const candlesFrom = (...pages: readonly CandlePage[]): ReplaySource => ({
  topic: CANDLES,
  records: replayCandles(pagesOf(pages), '1m', SETTLE_MS),
})

function replayOf(sources: readonly ReplaySource[], options: Partial<ConstructorParameters<typeof Replay>[0]> = {}) {
  const window = { start: T0, end: T0 + 60 * MINUTE }
  return new Replay({ ...OF, exchangeSymbol: 'BTC-USDT', window, sources, ...options })
}

async function play(...sources: readonly ReplaySource[]): Promise<Message[]> {
  const texts = (await collect(replayOf(sources).frames())).flat()
  return texts.map((text) => message.parse(JSON.parse(text)))
}

function trade(exchangeTime: number, seq: number, receivedTime = exchangeTime + 40): StoredTrade {
  return { id: String(seq), price: decimal('1.5'), size: decimal('2'), side: 'buy', exchangeTime, receivedTime, seq }
}

function candle(openTime: number): Candle {
  const [price, volume] = [decimal('1.5'), decimal('10')]
  const prices = { open: price, high: price, low: price, close: price }
  return { openTime, ...prices, volume, quoteVolume: null, tradeCount: null, closed: null }
}

/** What each message tells, short. */
function told(messages: readonly Message[]): string[] {
  return messages.map(({ type, data }) => {
    if (type === 'trade') return `trade ${data?.['id']}`
    if (type === 'candle') return `candle ${(Number(data?.['openTime']) - T0) / MINUTE}`
    if (type === 'gap') return `gap ${Number(data?.['from']) - T0} ${Number(data?.['to']) - T0} ${data?.['reason']}`
    return type
  })
}

describe('a replay', () => {
  it('is written as the live stream writes it', async () => {
    const source = tradesFrom({ trades: [trade(T0, 7)], gaps: [], readTo: T0 + MINUTE })
    const texts = (
      await collect(
        replayOf([source, candlesFrom({ candles: [candle(T0)], missing: [], readTo: T0 + MINUTE })]).frames(),
      )
    ).flat()
    const epoch = `replay-${T0}-${T0 + 60 * MINUTE}`
    const closeTime = T0 + MINUTE + SETTLE_MS
    expect(texts).toEqual([
      `{"type":"subscribed","id":null,"channel":"trades","exchange":"okx","symbol":"BTC-USDT","epoch":"${epoch}","seq":0,"state":false}`,
      `{"type":"subscribed","id":null,"channel":"candles","exchange":"okx","symbol":"BTC-USDT","interval":"1m","epoch":"${epoch}","seq":0,"state":false}`,
      `{"type":"trade","exchange":"okx","symbol":"BTC-USDT","exchangeSymbol":"BTC-USDT","exchangeTime":${T0},"receivedTime":${T0 + 40},"seq":1,"prevSeq":0,"data":{"id":"7","price":"1.5","size":"2","side":"buy"}}`,
      `{"type":"candle","exchange":"okx","symbol":"BTC-USDT","exchangeSymbol":"BTC-USDT","exchangeTime":null,"receivedTime":${closeTime},"seq":1,"prevSeq":0,"data":{"interval":"1m","openTime":${T0},"open":"1.5","high":"1.5","low":"1.5","close":"1.5","volume":"10","quoteVolume":null,"tradeCount":null,"closed":true}}`,
      `{"type":"end","exchange":"okx","symbol":"BTC-USDT","data":{"start":${T0},"end":${T0 + 60 * MINUTE},"messages":2}}`,
    ])
  })

  it('names of one moment first what is asked for first', async () => {
    const at = T0 + MINUTE + SETTLE_MS
    const trades = () => tradesFrom({ trades: [trade(at, 1, at)], gaps: [], readTo: at + 1 })
    const candles = () => candlesFrom({ candles: [candle(T0)], missing: [], readTo: T0 + MINUTE })
    expect(told(await play(trades(), candles())).slice(2, 4)).toEqual(['trade 1', 'candle 0'])
    expect(told(await play(candles(), trades())).slice(2, 4)).toEqual(['candle 0', 'trade 1'])
  })

  it('puts late trades where they were received, over pages, and ties by number', async () => {
    const late = trade(T0 + 1_000, 9, T0 + 150_000)
    const [five, six] = [trade(T0 + 140_000, 6, T0 + 149_000), trade(T0 + 139_000, 5, T0 + 149_000)]
    const messages = await play(
      tradesFrom(
        { trades: [trade(T0, 1), late], gaps: [], readTo: T0 + MINUTE },
        { trades: [trade(T0 + MINUTE, 2)], gaps: [], readTo: T0 + 2 * MINUTE },
        { trades: [five, six, trade(T0 + 151_000, 10)], gaps: [], readTo: T0 + 3 * MINUTE },
      ),
    )
    const seqs = ['trade 1', 'trade 2', 'trade 5', 'trade 6', 'trade 9', 'trade 10']
    expect(told(messages).slice(1, -1)).toEqual(seqs)
    expect(messages.slice(1, -1).map(({ seq, prevSeq }) => [seq, prevSeq])).toEqual(
      seqs.map((_, index) => [index + 1, index]),
    )
  })

  it('tells a gap between the trades on both sides, as live', async () => {
    const [before, after] = [trade(T0 + 1_000, 1, T0 + 1_900), trade(T0 + 1_500, 2, T0 + 12_000)]
    const gap = { from: T0 + 1_000, to: T0 + 1_501, reason: 'trades_missing' }
    const messages = await play(tradesFrom({ trades: [before, after], gaps: [gap], readTo: T0 + 2 * MINUTE }))
    expect(told(messages).slice(1, -1)).toEqual(['trade 1', 'gap 1000 1501 trades_missing', 'trade 2'])
    // Neither before its end has passed, nor before what precedes it.
    expect(messages[2]?.receivedTime).toBe(T0 + 1_900)
    expect(messages[2]).toMatchObject({ channel: 'trades', exchangeTime: null, seq: 2, prevSeq: 1 })
  })

  it('tells a gap without waiting for the next trade', async () => {
    const gap = { from: T0, to: T0 + 30_000, reason: 'not_recorded' }
    const messages = await play(
      tradesFrom({ trades: [trade(T0 + 50 * MINUTE, 1)], gaps: [gap], readTo: T0 + 60 * MINUTE }),
      candlesFrom({ candles: [candle(T0)], missing: [], readTo: T0 + MINUTE }),
    )
    expect(told(messages).slice(2, -1)).toEqual(['gap 0 30000 not_recorded', 'candle 0', 'trade 1'])
  })

  it('tells a gap inside another when it is over', async () => {
    const gaps = [
      { from: T0, to: T0 + 10_000, reason: 'not_recorded' },
      { from: T0 + 2_000, to: T0 + 3_001, reason: 'trades_missing' },
    ]
    const trades = [trade(T0 + 4_000, 1), trade(T0 + 10_000, 2)]
    expect(told(await play(tradesFrom({ trades, gaps, readTo: T0 + MINUTE }))).slice(1, -1)).toEqual([
      ...['gap 2000 3001 trades_missing', 'trade 1', 'gap 0 10000 not_recorded', 'trade 2'],
    ])
  })

  it('holds back no more of late trades than fit in memory', () => {
    const order = new TradeOrder()
    const late = (index: number) => trade(T0 + index, index, T0 + 60 * MINUTE + index)
    const trades = Array.from({ length: 50_010 }, (_, index) => late(index))
    expect(order.take({ trades, gaps: [], readTo: T0 + 2 * MINUTE }).length).toBe(10)
    expect(order.end().length).toBe(50_000)
  })

  it('tells a range that pages cut once, and others apart', async () => {
    const missing = (from: number, to: number, reason: 'absent' | 'not_loaded' = 'absent') => ({
      start: T0 + from * MINUTE,
      end: T0 + to * MINUTE,
      reason,
    })
    const lost = (from: number, to: number) => ({ from: T0 + from, to: T0 + to, reason: 'pruned' })
    const messages = await play(
      candlesFrom(
        { candles: [candle(T0)], missing: [missing(1, 3)], readTo: T0 + 3 * MINUTE },
        { candles: [candle(T0 + 5 * MINUTE)], missing: [missing(3, 5)], readTo: T0 + 6 * MINUTE },
        { candles: [], missing: [missing(7, 8), missing(8, 9, 'not_loaded')], readTo: T0 + 9 * MINUTE },
        { candles: [], missing: [missing(9, 10)], readTo: T0 + 10 * MINUTE },
      ),
      tradesFrom(
        { trades: [], gaps: [lost(0, 5_000)], readTo: T0 + 5_000 },
        { trades: [], gaps: [lost(5_000, 7_000), lost(8_000, 60_000)], readTo: T0 + MINUTE },
        { trades: [], gaps: [{ ...lost(60_000, 61_000), reason: 'not_recorded' }], readTo: T0 + 2 * MINUTE },
      ),
    )
    expect(told(messages).slice(2, -1)).toEqual([
      'gap 0 7000 pruned',
      'gap 8000 60000 pruned',
      'gap 60000 61000 not_recorded',
      'candle 0',
      'gap 60000 300000 absent',
      'candle 5',
      'gap 420000 480000 absent',
      'gap 480000 540000 not_loaded',
      'gap 540000 600000 absent',
    ])
  })

  it('stops telling what is dropped, frees what it reads from, and ends', async () => {
    const freed: string[] = []
    async function* endless(): AsyncGenerator<TradePage> {
      try {
        for (let time = T0; ; time += 5 * MINUTE) {
          const trades = Array.from({ length: 2_000 }, (_, index) => trade(time + index, index))
          yield { trades, gaps: [], readTo: time + 5 * MINUTE }
        }
      } finally {
        freed.push('trades')
      }
    }
    const replay = replayOf([{ topic: TRADES, records: replayTrades(endless()) }])
    const frames = replay.frames()
    const first = await frames.next()
    expect(first.value?.length).toBeGreaterThan(100)
    expect(first.value?.join('').length).toBeLessThan(70_000)
    expect(replay.drop(CANDLES)).toBe(false)
    expect([replay.drop(TRADES), replay.topics]).toEqual([true, []])
    const rest = (await collect(frames)).flat()
    expect(rest.map((text) => message.parse(JSON.parse(text)).type)).toEqual(['end'])
    const other = replayOf([{ topic: TRADES, records: replayTrades(endless()) }]).frames()
    await other.next()
    await other.return(undefined)
    expect(freed).toEqual(['trades', 'trades'])
  })
})

describe('the order of a replay', () => {
  const trades = fc.array(fc.record({ at: fc.nat(10 * MINUTE), lateMs: fc.nat(3 * MINUTE) }), { maxLength: 60 })
  const openMinutes = fc.uniqueArray(fc.nat(9), { maxLength: 10 })

  it('is that of receipt, whatever the pages; no candle comes before its close', async () => {
    await fc.assert(
      fc.asyncProperty(trades, openMinutes, fc.integer({ min: 1, max: 10 }), async (made, minutes, pageMinutes) => {
        const all = made.map(({ at, lateMs }, index) => trade(T0 + at, index, T0 + at + lateMs))
        const end = T0 + 11 * MINUTE
        const tradePages: TradePage[] = []
        const candlePages: CandlePage[] = []
        for (let from = T0; from < end; from += pageMinutes * MINUTE) {
          const to = Math.min(from + pageMinutes * MINUTE, end)
          const inside = (time: number) => time >= from && time < to
          tradePages.push({ trades: all.filter((each) => inside(each.exchangeTime)), gaps: [], readTo: to })
          const openTimes = minutes.map((minute) => T0 + minute * MINUTE).sort((a, b) => a - b)
          candlePages.push({ candles: openTimes.filter(inside).map(candle), missing: [], readTo: to })
        }
        const messages = (await play(tradesFrom(...tradePages), candlesFrom(...candlePages))).slice(2, -1)
        const expected = all.toSorted((a, b) => a.receivedTime - b.receivedTime || a.seq - b.seq)
        const byType = (type: string) => messages.filter((each) => each.type === type)
        expect(byType('trade').map(({ data }) => data?.['id'])).toEqual(expected.map(({ id }) => id))
        expect(byType('candle').length).toBe(minutes.length)
        const times = messages.map(({ receivedTime }) => receivedTime ?? 0)
        expect(times).toEqual(times.toSorted((a, b) => a - b))
        for (const { data, receivedTime } of byType('candle')) {
          expect(receivedTime).toBe(Number(data?.['openTime']) + MINUTE + SETTLE_MS)
        }
      }),
    )
  })

  it('has each gap once, behind all trades before it and ahead of all after it', async () => {
    const gapLengths = fc.array(fc.record({ before: fc.integer({ min: 1, max: 90_000 }), length: fc.nat(90_000) }), {
      maxLength: 8,
    })
    await fc.assert(
      fc.asyncProperty(
        gapLengths,
        fc.integer({ min: 1, max: 20 }),
        fc.nat(5_000),
        async (parts, pageMinutes, delayMs) => {
          const all: StoredTrade[] = [trade(T0, 0, T0 + delayMs)]
          const gaps: { from: number; to: number; reason: string }[] = []
          let at = T0
          for (const { before, length } of parts) {
            // A gap reaches from the trade before it to a millisecond after the one behind it.
            all.push(trade(at + before, all.length, at + before + delayMs))
            gaps.push({ from: at + before, to: at + before + length + 2, reason: 'trades_missing' })
            at += before + length + 1
            all.push(trade(at, all.length, at + delayMs))
          }
          const end = at + 2 * MINUTE
          const pages: TradePage[] = []
          for (let from = T0; from < end; from += pageMinutes * MINUTE) {
            const to = Math.min(from + pageMinutes * MINUTE, end)
            const cut = gaps.map((gap) => ({ ...gap, from: Math.max(gap.from, from), to: Math.min(gap.to, to) }))
            pages.push({
              trades: all.filter(({ exchangeTime }) => exchangeTime >= from && exchangeTime < to),
              gaps: cut.filter((gap) => gap.from < gap.to),
              readTo: to,
            })
          }
          const expected = all.flatMap(({ id, exchangeTime }) => {
            const gap = gaps.find(({ from }) => from === exchangeTime)
            if (gap === undefined) return [`trade ${id}`]
            return [`trade ${id}`, `gap ${gap.from - T0} ${gap.to - T0} trades_missing`]
          })
          expect(told(await play(tradesFrom(...pages))).slice(1, -1)).toEqual(expected)
        },
      ),
    )
  })
})

describe('the pace of a replay', () => {
  it('is that of the messages, so many times as fast, and says now and then that none is due', async () => {
    let now = 1_000_000
    // Real time runs at a tenth of it.
    const clock: Clock = { now: () => now, at: (time) => time, realMs: (ms) => ms / 10 }
    const slept: number[] = []
    const pace = pacedFrom(T0, 2, clock, async (ms) => {
      slept.push(ms)
      now += ms * 10
    })
    const trades = [trade(T0, 1, T0), trade(T0 + 10, 2, T0 + 10), trade(T0 + 4 * MINUTE, 3, T0 + 4 * MINUTE)]
    const replay = replayOf([tradesFrom({ trades, gaps: [], readTo: T0 + 60 * MINUTE })], { pace })
    const frames: [number, number][] = []
    for await (const frame of replay.frames()) frames.push([now - 1_000_000, frame.length])
    expect(frames).toEqual([
      [0, 2],
      [5, 1],
      [50_005, 0],
      [100_005, 0],
      [120_000, 2],
    ])
    expect(slept).toEqual([0.5, 5_000, 5_000, 1_999.5])
  })
})
