import { describe, expect, it } from 'vitest'
import { ingestedBooks, MAX_LEVELS } from '../../src/domain/ingested-book.ts'

const NOW = Date.UTC(2026, 0, 1)
const context = { defaults: {}, now: NOW, settleMsOf: () => 0 }
const SOUND = {
  exchange: 'mine',
  symbol: 'BTC-USDT',
  exchangeTime: NOW - 5,
  bids: [
    ['99.50', '1'],
    ['99', 2],
  ],
  asks: [['100', '0.10']],
}

const read = (change: object) => ingestedBooks.read({ ...SOUND, ...change }, context)
const ladder = (levels: number) => Array.from({ length: levels }, (_, index) => [200 + index, 1])

describe('ingestedBooks', () => {
  it('reads a snapshot', () => {
    expect(read({})).toEqual({
      exchange: 'mine',
      symbol: 'BTC-USDT',
      exchangeTime: NOW - 5,
      receivedTime: null,
      sequence: null,
      bids: [
        { price: '99.5', size: '1' },
        { price: '99', size: '2' },
      ],
      asks: [{ price: '100', size: '0.1' }],
    })
    expect(read({ sequence: 17 })).toMatchObject({ sequence: '17' })
    expect(read({ sequence: '9007199254740993' })).toMatchObject({ sequence: '9007199254740993' })
    expect(read({ bids: [] })).toMatchObject({ bids: [] })
    expect(read({ asks: ladder(MAX_LEVELS) })).not.toHaveProperty('reason')
  })

  it.each([
    [{ bids: undefined }, 'malformed', 'bids'],
    [{ asks: { 5: 1 } }, 'malformed', 'asks'],
    [{ asks: ladder(MAX_LEVELS + 1) }, 'too_many_levels', 'asks'],
    [{ bids: [], asks: [] }, 'empty_book', 'bids'],
    [
      {
        bids: [
          ['99', '1'],
          ['99', '1'],
        ],
      },
      'out_of_order',
      'bids[1][0]',
    ],
    [
      {
        bids: [
          ['98', '1'],
          ['99', '1'],
        ],
      },
      'out_of_order',
      'bids[1][0]',
    ],
    [
      {
        asks: [
          ['100', '1'],
          ['101', '1'],
          ['100.5', '1'],
        ],
      },
      'out_of_order',
      'asks[2][0]',
    ],
    [{ asks: [['99.5', '1']] }, 'crossed', 'bids[0][0]'],
    [{ asks: [['99.4', '1']] }, 'crossed', 'bids[0][0]'],
    [{ asks: [['100', '0']] }, 'not_positive', 'asks[0][1]'],
    [{ asks: [['100', '-1']] }, 'not_positive', 'asks[0][1]'],
    [{ bids: [['0', '1']] }, 'not_positive', 'bids[0][0]'],
    [{ bids: [['x', '1']] }, 'malformed', 'bids[0][0]'],
    [{ bids: [['1', null]] }, 'malformed', 'bids[0][1]'],
    [{ bids: [['1', '1', '1']] }, 'malformed', 'bids[0]'],
    [{ bids: ['1'] }, 'malformed', 'bids[0]'],
    [{ sequence: 1.5 }, 'malformed', 'sequence'],
    [{ sequence: 'a b' }, 'malformed', 'sequence'],
    [{ exchangeTime: NOW + 90_000 }, 'in_future', 'exchangeTime'],
    [{ receivedTime: 5 }, 'implausible_time', 'receivedTime'],
    [{ exchange: undefined }, 'malformed', 'exchange'],
    [{ kind: 'update' }, 'malformed', 'kind'],
  ])('refuses %o: %s', (change, reason, path) => {
    expect(read(change)).toMatchObject({ reason, path, message: expect.any(String) })
  })

  it('tells books of one time apart by their levels and sequence', () => {
    const [a, b, c] = [read({}), read({ sequence: 1 }), read({ asks: [['100', '0.2']] })]
    if ('reason' in a || 'reason' in b || 'reason' in c) throw new Error('refused')
    expect(ingestedBooks.slotOf(a)).toBe(ingestedBooks.slotOf(c))
    expect([ingestedBooks.isSame(a, a), ingestedBooks.isSame(a, b), ingestedBooks.isSame(a, c)]).toEqual([
      true,
      false,
      false,
    ])
  })
})
