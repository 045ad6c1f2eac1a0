/** What is traded on the simulated exchanges: names, precisions and listing times near the real ones. */

export const EXCHANGES = ['binance', 'okx', 'bybit', 'coinbase'] as const
export type ExchangeName = (typeof EXCHANGES)[number]
export type Kind = 'spot' | 'perpetual'

export interface Instrument {
  readonly exchange: ExchangeName
  readonly kind: Kind
  readonly exchangeSymbol: string
  readonly base: string
  readonly quote: string
  /** Prices are whole ticks of 10^-priceScale quote units. */
  readonly priceScale: number
  /** Sizes are whole lots of 10^-sizeScale, in base units or in contracts. */
  readonly sizeScale: number
  /** Lots of base units: the same as sizeScale, less the power of ten in the contract's size (negative: whole tens). */
  readonly baseScale: number
  /** Base units a contract, a power of ten; null where sizes are in base units. */
  readonly contractSize: string | null
  /** Near this price, in quote units, the market moves. */
  readonly typicalPrice: number
  /** Average trades a minute: exact over every two minutes, so that trade ids need no counting. */
  readonly tradesPerMinute: number
  /** One minute in so many has no trade at all. */
  readonly emptyOneIn: number
  /** ms UTC, a whole minute: the first trade falls into this minute. */
  readonly listedAt: number
  /** A position in the instruments of all exchanges: the key of caches. */
  readonly index: number
}

const DAY_MS = 86_400_000

interface Asset {
  readonly price: number
  readonly tradesPerMinute: number
  /** Minutes with a trade to one without, on Coinbase and elsewhere. */
  readonly emptyOneIn: readonly [number, number]
}

const ASSETS = {
  BTC: { price: 65_000, tradesPerMinute: 8, emptyOneIn: [400, 6000] },
  ETH: { price: 3_200, tradesPerMinute: 7, emptyOneIn: [320, 6000] },
  SOL: { price: 150, tradesPerMinute: 6, emptyOneIn: [240, 4000] },
  XRP: { price: 2.2, tradesPerMinute: 6, emptyOneIn: [220, 4000] },
  DOGE: { price: 0.17, tradesPerMinute: 5, emptyOneIn: [200, 3000] },
  PEPE: { price: 0.00001234, tradesPerMinute: 4, emptyOneIn: [60, 500] },
  // Coins with names of any script exist: https://www.binance.com/en/trade/币安人生_USDT
  币安人生: { price: 0.173, tradesPerMinute: 4, emptyOneIn: [60, 400] },
  // Listed in the middle of history.
  ZORA: { price: 0.05, tradesPerMinute: 3, emptyOneIn: [40, 300] },
  // Cannot be named by a client: a blank is no letter. Every list carries such a record now and then.
  'AI 2': { price: 0.31, tradesPerMinute: 3, emptyOneIn: [40, 300] },
} satisfies Record<string, Asset>

type Base = keyof typeof ASSETS

/** base: [price scale, size scale, listed on, power of ten of the contract's size]; the order is that of the lists. */
type Listing = readonly [
  base: Base,
  priceScale: number,
  sizeScale: number,
  listedOn: string | 'recent',
  contract?: number,
]

/**
 * Ticks times lots stay at or above 10^-10 quote units, which keeps every sum of a minute an exact double.
 * The precisions are those of the exchanges' own instrument lists, but for some OKX and Coinbase lots that are finer there.
 */
const LISTINGS: Record<ExchangeName, { spot: readonly Listing[]; perpetual: readonly Listing[] }> = {
  binance: {
    spot: [
      ['BTC', 2, 5, '2017-08-17T04:00Z'],
      ['ETH', 2, 4, '2017-08-17T04:00Z'],
      ['XRP', 4, 1, '2018-05-04T08:00Z'],
      ['DOGE', 5, 0, '2019-07-05T12:00Z'],
      ['SOL', 2, 3, '2020-08-11T06:00Z'],
      ['PEPE', 8, 0, '2023-05-05T16:00Z'],
      ['币安人生', 4, 1, '2026-01-07T14:00Z'],
      ['ZORA', 5, 1, 'recent'],
      ['AI 2', 4, 1, '2026-02-03T10:00Z'],
    ],
    perpetual: [
      ['BTC', 1, 3, '2019-09-08T17:57Z'],
      ['ETH', 2, 3, '2019-11-27T07:46Z'],
      ['XRP', 4, 1, '2020-01-06T08:32Z'],
      ['DOGE', 5, 0, '2020-07-10T09:00Z'],
      ['SOL', 2, 2, '2020-09-14T07:00Z'],
      ['ZORA', 5, 0, 'recent'],
    ],
  },
  okx: {
    spot: [
      ['BTC', 1, 8, '2018-01-10T08:00Z'],
      ['ETH', 2, 6, '2018-01-10T08:00Z'],
      ['SOL', 2, 6, '2020-09-29T08:00Z'],
      ['XRP', 4, 6, '2018-02-02T08:00Z'],
      ['DOGE', 5, 5, '2019-06-10T06:00Z'],
      ['PEPE', 9, 0, '2023-05-06T10:00Z'],
      ['ZORA', 5, 5, 'recent'],
      ['AI 2', 4, 4, '2026-02-03T10:00Z'],
    ],
    perpetual: [
      ['BTC', 1, 2, '2019-11-12T11:16Z', -2],
      ['ETH', 2, 2, '2019-11-12T11:16Z', -1],
      ['SOL', 2, 2, '2021-01-14T07:00Z', 0],
      ['XRP', 4, 2, '2019-11-12T11:16Z', 2],
      ['DOGE', 5, 2, '2020-07-09T10:00Z', 3],
      ['ZORA', 5, 0, 'recent', 1],
    ],
  },
  bybit: {
    spot: [
      ['BTC', 1, 6, '2021-07-05T12:00Z'],
      ['ETH', 2, 5, '2021-07-05T12:00Z'],
      ['XRP', 4, 2, '2021-07-05T12:00Z'],
      ['DOGE', 5, 1, '2021-09-15T08:00Z'],
      ['SOL', 2, 3, '2021-10-15T04:00Z'],
      ['PEPE', 8, 0, '2023-05-05T10:00Z'],
      ['ZORA', 5, 2, 'recent'],
      ['AI 2', 4, 2, '2026-02-03T10:00Z'],
    ],
    perpetual: [
      ['BTC', 1, 3, '2020-03-25T10:36Z'],
      ['ETH', 2, 2, '2021-03-15T00:00Z'],
      ['SOL', 2, 1, '2021-10-15T02:00Z'],
      ['XRP', 4, 1, '2021-05-13T03:00Z'],
      ['DOGE', 5, 0, '2021-06-02T08:00Z'],
      ['ZORA', 5, 0, 'recent'],
    ],
  },
  coinbase: {
    spot: [
      ['BTC', 2, 8, '2015-07-20T21:00Z'],
      ['ETH', 2, 8, '2016-05-18T00:00Z'],
      ['SOL', 2, 8, '2021-06-17T16:00Z'],
      ['XRP', 4, 6, '2019-02-28T17:00Z'],
      ['DOGE', 5, 5, '2021-06-03T16:00Z'],
      ['PEPE', 8, 0, '2024-11-13T17:00Z'],
      ['ZORA', 5, 1, 'recent'],
      ['AI 2', 4, 2, '2026-02-03T10:00Z'],
    ],
    perpetual: [],
  },
}

/** The exchange's own name of an instrument, e.g. `BTCUSDT`, `BTC-USDT-SWAP`. */
export const exchangeSymbolOf = (exchange: ExchangeName, kind: Kind, base: string, quote: string): string => {
  if (exchange === 'okx') return kind === 'perpetual' ? `${base}-${quote}-SWAP` : `${base}-${quote}`
  if (exchange === 'bybit' && kind === 'perpetual' && quote === 'USDC') return `${base}PERP`
  return exchange === 'coinbase' ? `${base}-${quote}` : `${base}${quote}`
}

/** Coinbase trades against dollars as well; Binance and Bybit margin some perpetuals in USDC. */
const quotesOf = (exchange: ExchangeName, kind: Kind, base: Base): readonly string[] => {
  if (exchange === 'coinbase') return ['USD', 'USDT']
  return kind === 'perpetual' && base === 'BTC' && exchange !== 'okx' ? ['USDT', 'USDC'] : ['USDT']
}

/**
 * Every instrument of every exchange.
 *
 * @param epoch ms UTC; the recent listing is 40 days before its day, at 08:00
 */
export const createCatalogue = (epoch: number): Instrument[] => {
  const recent = Math.floor(epoch / DAY_MS) * DAY_MS - 40 * DAY_MS + 8 * 3_600_000
  const instruments: Instrument[] = []
  for (const exchange of EXCHANGES) {
    for (const kind of ['spot', 'perpetual'] as const) {
      for (const listing of LISTINGS[exchange][kind]) {
        const [base, priceScale, sizeScale, listedOn, contract] = listing
        for (const quote of quotesOf(exchange, kind, base)) {
          const asset: Asset = ASSETS[base]
          instruments.push({
            exchange,
            kind,
            exchangeSymbol: exchangeSymbolOf(exchange, kind, base, quote),
            base,
            quote,
            priceScale,
            sizeScale,
            baseScale: sizeScale - (contract ?? 0),
            contractSize: contract === undefined ? null : String(10 ** contract),
            typicalPrice: asset.price,
            tradesPerMinute: asset.tradesPerMinute + (kind === 'perpetual' ? 1 : 0),
            emptyOneIn: asset.emptyOneIn[exchange === 'coinbase' ? 0 : 1],
            listedAt: listedOn === 'recent' ? recent : Date.parse(listedOn.replace('Z', ':00Z')),
            index: instruments.length,
          })
        }
      }
    }
  }
  return instruments
}
