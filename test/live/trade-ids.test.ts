import { expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { TradeEvent } from '../../src/domain/event.ts'
import { OpaqueIds } from '../../src/live/trade-ids.ts'

function trade(id: string, exchangeTime: number): TradeEvent {
  const values = { exchangeSymbol: 'BTCUSDT', price: decimal('1'), size: decimal('1') }
  return { channel: 'trades', id, exchangeTime, side: 'buy', ...values }
}

it('recognises a duplicate over the last 5,000 trades, whatever time it carries, and over no more', () => {
  const ids = new OpaqueIds(null)
  for (let count = 1; count <= 5_000; count++) ids.add(trade(`${count}`, count))
  const again = trade('1', 10_000)
  expect(ids.place(again)).toBe('known')
  ids.add(trade('5001', 5_001))
  expect(ids.place(again)).toBe('next')
  expect(ids.place(trade('2', 10_000))).toBe('known')
})
