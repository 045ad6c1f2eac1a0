import { expect, test } from 'vitest'
import { renderBars, renderLine } from './progress.ts'

const half = { exchange: 'okx', expected: 21_600, present: 10_800, empty: 0, gaps: 12 }
const full = { exchange: 'coinbase', expected: 21_600, present: 21_521, empty: 79, gaps: 0 }
const nearly = { ...full, empty: 78, gaps: 1 }
const none = { exchange: 'bybit', expected: 0, present: 0, empty: 0, gaps: 0 }

test('a bar is as full as the exchange is covered', () => {
  const bars = renderBars([half, full, none], 120)
  expect(bars).toEqual([
    `okx       ${'█'.repeat(20)}${'░'.repeat(20)}  50.0 %  10,800 candles 0 empty 12 gaps`,
    `coinbase  ${'█'.repeat(40)} 100.0 %  21,521 candles 79 empty 0 gaps`,
    `bybit     ${'░'.repeat(40)}   0.0 %       0 candles 0 empty 0 gaps`,
  ])
})

test('no line is wider than the terminal', () => {
  for (const columns of [20, 56, 60, 80, 200]) {
    for (const bar of renderBars([half, full], columns)) expect(bar.length).toBeLessThanOrEqual(columns)
  }
})

test('100 % is only said of what is whole', () => {
  expect(renderLine([nearly])).toBe('coinbase 99.9 % (21,521 candles, 78 empty, 1 gap)')
  expect(renderLine([half, full])).toBe('okx 50.0 %, coinbase 100.0 % (32,321 candles, 79 empty, 12 gaps)')
})
