import { expect, it, vi } from 'vitest'
import { FeedRuntime } from '../../durable-objects/feed-runtime.ts'
import { decimal } from '../../src/domain/decimal.ts'
import type { TradeChunk } from '../../src/domain/trade-chunk.ts'
import { connectors } from '../../src/exchanges/registry.ts'
import type { FeedEffect } from '../../src/live/feed-io.ts'
import type { FeedSession } from '../../src/live/feed-session.ts'
import type { FeedStore } from '../../src/store/feed-store.ts'
import { createHub } from './client.ts'
import { HOUR, MINUTE, START } from './session.ts'

const NOW = START + 10 * MINUTE

function storeTrade(seq: number): FeedEffect {
  const [price, size] = [decimal('100'), decimal('1')]
  const trade = { id: String(seq), price, size, side: null, exchangeTime: START, receivedTime: START, seq }
  return { kind: 'store-trade', instrumentId: 1, trade }
}

/** A feed whose session wants what the test says, and whose database answers when the test lets it. */
function createFeed({ realTickMs = 1_000_000 } = {}) {
  const time = { now: NOW }
  const wanted: FeedEffect[] = []
  const session: unknown = {
    epoch: 'e',
    handle: () => wanted.splice(0),
    instrumentIds: [],
    tradesKnownTo: () => Number.POSITIVE_INFINITY,
    checkpoint: (storedMark: (id: number) => unknown) => ({ trades: { 1: storedMark(1) }, candles: {} }),
  }
  const written: string[][] = []
  const answers: (() => void)[] = []
  const pruned: number[] = []
  const store: unknown = {
    readRecorded: async () => [],
    readEnded: async () => [],
    writeCandles: async () => undefined,
    writeTrades: (chunks: readonly TradeChunk[]) => {
      written.push(chunks.flatMap(({ trades }) => trades.map(({ id }) => id)))
      return new Promise<void>((resolve) => answers.push(resolve))
    },
    pruneTrades: async (before: number) => {
      pruned.push(before - NOW)
      if (pruned.length === 1) throw new Error('out of reach')
    },
  }
  const runtime = new FeedRuntime({
    connector: connectors.binance,
    session: session as FeedSession,
    hub: createHub({ exchanges: ['binance'], pathExchange: 'binance' }),
    // Unless a test wants more, the only tick is that of the start.
    clock: { now: () => time.now, realMs: () => realTickMs, at: (real: number) => real },
    loader: () => {
      throw new Error('nothing is asked of it')
    },
    openStore: async () => store as FeedStore,
    tradeRetentionMs: HOUR,
    onTick: () => undefined,
    onFlush: () => undefined,
    onSuperseded: () => undefined,
  })
  const settle = () => new Promise<void>((resolve) => setTimeout(resolve))
  return { runtime, time, wanted, written, answers, pruned, settle }
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

it('deletes old trades soon after its start, and each hour from then on', async () => {
  const { runtime, time, pruned } = createFeed({ realTickMs: 1 })
  runtime.start()
  const passes = async (to: number, times: number) => {
    time.now = NOW + to
    await vi.waitFor(() => expect(pruned).toHaveLength(times))
    await new Promise<void>((resolve) => setTimeout(resolve, 50))
    expect(pruned).toHaveLength(times)
  }
  await passes(2 * MINUTE, 0)
  await passes(3 * MINUTE, 1)
  // The first time it failed.
  await passes(6 * MINUTE, 2)
  await passes(65 * MINUTE, 2)
  await passes(66 * MINUTE, 3)
  expect(pruned).toEqual([3 * MINUTE - HOUR, 6 * MINUTE - HOUR, 66 * MINUTE - HOUR])
  await runtime.stop()
})
