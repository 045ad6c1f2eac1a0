import { expect, it } from 'vitest'
import { loadMarks, saveMarks } from '../../durable-objects/feed-marks.ts'
import type { TopicMarks } from '../../src/live/market-topic.ts'
import { memoryStorage } from './memory-storage.ts'

/** As of Bybit, whose ids are long and of which 50 are kept. */
function marksOf(count: number, lastTime: number): TopicMarks {
  const recentIds = Array.from({ length: 50 }, (_, n) => `8f9c2e7a-1d3b-5c4f-9a6e-${n}`.padEnd(36, '0'))
  const mark = { id: 'newest', exchangeTime: lastTime, recentIds }
  return {
    trades: Object.fromEntries(Array.from({ length: count }, (_, id) => [id, mark])),
    candles: { '1:1m': lastTime },
  }
}

it('keeps the marks of thousands of topics, and gives back those of the last time', async () => {
  const storage = memoryStorage()
  expect(await loadMarks(storage)).toEqual({ trades: {}, candles: {} })
  for (const marks of [marksOf(3_000, 1), marksOf(450, 2)]) {
    await saveMarks(storage, marks)
    expect(await loadMarks(storage)).toEqual(marks)
  }
})
