import { expect, it } from 'vitest'
import { FeedRuntime } from '../../durable-objects/feed-runtime.ts'
import { decimal } from '../../src/domain/decimal.ts'
import type { TradeChunk } from '../../src/domain/trade-chunk.ts'
import { connectors } from '../../src/exchanges/registry.ts'
import type { FeedEffect } from '../../src/live/feed-io.ts'
import type { FeedSession } from '../../src/live/feed-session.ts'
import type { FeedStore } from '../../src/store/feed-store.ts'
import { createHub } from './client.ts'
import { MINUTE, START } from './session.ts'

const NOW = START + 10 * MINUTE

function storeTrade(seq: number): FeedEffect {
  const [price, size] = [decimal('100'), decimal('1')]
  const trade = { id: String(seq), price, size, side: null, exchangeTime: START, receivedTime: START, seq }
  return { kind: 'store-trade', instrumentId: 1, trade }
}

/** A feed whose session wants what the test says, and whose database answers when the test lets it. */
function createFeed() {
  const wanted: FeedEffect[] = []
  const session: unknown = {
    epoch: 'e',
    handle: () => wanted.splice(0),
    tradesKnownTo: () => Number.POSITIVE_INFINITY,
    checkpoint: (storedMark: (id: number) => unknown) => ({ trades: { 1: storedMark(1) }, candles: {} }),
  }
  const written: string[][] = []
  const answers: (() => void)[] = []
  const store: unknown = {
    readRecorded: async () => [],
    writeCandles: async () => undefined,
    writeTrades: (chunks: readonly TradeChunk[]) => {
      written.push(chunks.flatMap(({ trades }) => trades.map(({ id }) => id)))
      return new Promise<void>((resolve) => answers.push(resolve))
    },
  }
  const runtime = new FeedRuntime({
    connector: connectors.binance,
    session: session as FeedSession,
    hub: createHub({ exchanges: ['binance'], pathExchange: 'binance' }),
    // The only tick is that of the start.
    clock: { now: () => NOW, realMs: () => 1_000_000, at: (real: number) => real },
    loader: () => {
      throw new Error('nothing is asked of it')
    },
    openStore: async () => store as FeedStore,
    tradeRetentionMs: 1,
    onTick: () => undefined,
    onFlush: () => undefined,
    onSuperseded: () => undefined,
  })
  const settle = () => new Promise<void>((resolve) => setTimeout(resolve))
  return { runtime, wanted, written, answers, settle }
}

it('stores what came during a write as well, when it is stopped', async () => {
  const { runtime, wanted, written, answers, settle } = createFeed()
  wanted.push(storeTrade(1))
  runtime.start()
  await settle()
  expect(written).toEqual([['1']])
  expect(runtime.checkpoint().trades[1]).toBe(null)
  wanted.push(storeTrade(2))
  runtime.take({ kind: 'tick' })
  const stopped = runtime.stop()
  await settle()
  answers.shift()?.()
  await settle()
  expect(written).toEqual([['1'], ['2']])
  expect(runtime.checkpoint().trades[1]).toMatchObject({ id: '1' })
  answers.shift()?.()
  await stopped
  expect(runtime.checkpoint().trades[1]).toMatchObject({ id: '2' })
})
