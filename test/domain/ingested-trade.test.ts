import { describe, expect, it } from 'vitest'
import { ingestedTrades } from '../../src/domain/ingested-trade.ts'

const NOW = Date.UTC(2026, 0, 1)
const context = { defaults: { exchange: 'okx' }, now: NOW, settleMsOf: () => 0 }
const SOUND = { symbol: 'BTC-USDT', id: 'a1', price: '100.50', size: '1e-3', side: 'buy', exchangeTime: NOW - 5 }

const read = (change: object) => ingestedTrades.read({ ...SOUND, ...change }, context)

describe('ingestedTrades', () => {
  it('reads a record, its decimals in their canonical form', () => {
    expect(read({})).toEqual({
      exchange: 'okx',
      symbol: 'BTC-USDT',
      id: 'a1',
      price: '100.5',
      size: '0.001',
      side: 'buy',
      exchangeTime: NOW - 5,
      receivedTime: null,
    })
    const { side: _, ...silent } = SOUND
    expect(ingestedTrades.read(silent, context)).toMatchObject({ side: null })
    expect(read({ id: 77, price: 5, exchangeTime: '2025-12-31T23:59:00Z', receivedTime: NOW })).toMatchObject({
      id: '77',
      price: '5',
      exchangeTime: NOW - 60_000,
      receivedTime: NOW,
    })
    // Its clock may run ahead of ours.
    expect(read({ exchangeTime: NOW + 60_000 })).toMatchObject({ exchangeTime: NOW + 60_000 })
  })

  it.each([
    [{ id: undefined }, 'missing_id', 'id'],
    [{ id: null }, 'missing_id', 'id'],
    [{ id: '' }, 'missing_id', 'id'],
    [{ id: 'x'.repeat(129) }, 'malformed', 'id'],
    [{ id: 'a\nb' }, 'malformed', 'id'],
    [{ id: '\ud800' }, 'malformed', 'id'],
    [{ id: {} }, 'malformed', 'id'],
    [{ symbol: 5 }, 'malformed', 'symbol'],
    [{ price: '0.000' }, 'not_positive', 'price'],
    [{ price: 'NaN' }, 'malformed', 'price'],
    [{ price: 0.1 }, 'malformed', 'price'],
    [{ size: '-1' }, 'not_positive', 'size'],
    [{ size: undefined }, 'malformed', 'size'],
    [{ side: 'BUY' }, 'malformed', 'side'],
    [{ exchangeTime: NOW + 60_001 }, 'in_future', 'exchangeTime'],
    [{ exchangeTime: NOW / 1_000 }, 'malformed', 'exchangeTime'],
    [{ exchangeTime: '2008-12-31' }, 'implausible_time', 'exchangeTime'],
    [{ exchangeTime: -5 }, 'malformed', 'exchangeTime'],
    [{ exchangeTime: 1.5 }, 'malformed', 'exchangeTime'],
    [{ exchangeTime: undefined }, 'malformed', 'exchangeTime'],
    [{ receivedTime: 'now' }, 'malformed', 'receivedTime'],
    [{ receivedTime: NOW + 100_000 }, 'in_future', 'receivedTime'],
    [{ amount: '1' }, 'malformed', 'amount'],
  ])('refuses %o: %s', (change, reason, path) => {
    expect(read(change)).toMatchObject({ reason, path, message: expect.any(String) })
  })

  it.each([null, [], 'text', 5])('refuses %o, which is no record', (value) => {
    expect(ingestedTrades.read(value, context)).toMatchObject({ reason: 'malformed', path: '' })
  })
})
