/**
 * Records of Bybit's `instruments-info`.
 * https://bybit-exchange.github.io/docs/v5/market/instrument
 */

import type { Instrument } from './catalogue.ts'
import { decimalText } from './decimal-text.ts'
import { fundingHours } from './funding.ts'

/** Spot records say nothing about the launch. */
export const bybitSpotRecord = (instrument: Instrument) => {
  const lot = decimalText(1, instrument.sizeScale)
  return {
    symbol: instrument.exchangeSymbol,
    baseCoin: instrument.base,
    quoteCoin: instrument.quote,
    innovation: '0',
    symbolId: instrument.index,
    status: 'Trading',
    marginTrading: 'utaOnly',
    stTag: '0',
    lotSizeFilter: {
      basePrecision: lot,
      quotePrecision: '0.0000001',
      minOrderQty: lot,
      maxOrderQty: '1000000',
      minOrderAmt: '5',
      maxOrderAmt: '8000000',
      maxLimitOrderQty: '1000000',
      maxMarketOrderQty: '500000',
      postOnlyMaxLimitOrderSize: '5000000',
    },
    priceFilter: { tickSize: decimalText(1, instrument.priceScale) },
    riskParameters: { priceLimitRatioX: '0.005', priceLimitRatioY: '0.01' },
    symbolType: '',
  }
}

export const bybitLinearRecord = (instrument: Instrument, isTrading: boolean) => {
  const tick = decimalText(1, instrument.priceScale)
  const lot = decimalText(1, instrument.sizeScale)
  return {
    symbol: instrument.exchangeSymbol,
    contractType: 'LinearPerpetual',
    status: isTrading ? 'Trading' : 'Closed',
    baseCoin: instrument.base,
    quoteCoin: instrument.quote,
    launchTime: String(instrument.listedAt),
    deliveryTime: '0',
    deliveryFeeRate: '',
    priceScale: String(instrument.priceScale),
    leverageFilter: { minLeverage: '1', maxLeverage: '100.00', leverageStep: '0.01' },
    priceFilter: { minPrice: tick, maxPrice: '1999999.80', tickSize: tick },
    lotSizeFilter: {
      maxOrderQty: '1190.000',
      minOrderQty: lot,
      qtyStep: lot,
      postOnlyMaxOrderQty: '1190.000',
      maxMktOrderQty: '500.000',
      minNotionalValue: '5',
    },
    unifiedMarginTrade: true,
    fundingInterval: fundingHours(instrument) * 60,
    settleCoin: instrument.quote,
    copyTrading: 'both',
    upperFundingRate: '0.005',
    lowerFundingRate: '-0.005',
    isPreListing: false,
    preListingInfo: null,
    riskParameters: { priceLimitRatioX: '0.01', priceLimitRatioY: '0.02' },
    displayName: '',
    symbolType: '',
  }
}
export type BybitRecord = ReturnType<typeof bybitSpotRecord> | ReturnType<typeof bybitLinearRecord>

/** What else the lists carry, without a market here: a dated future, an inverse perpetual. */
export const otherBybitRecords = (category: string, bitcoin: Instrument, now: number): BybitRecord[] => {
  const record = bybitLinearRecord(bitcoin, true)
  const expiry = Math.floor(now / 86_400_000) * 86_400_000 + 60 * 86_400_000 + 8 * 3_600_000
  const month = new Date(expiry).toLocaleString('en', { month: 'short', timeZone: 'UTC' }).toUpperCase()
  const date = new Date(expiry)
  const day = `${String(date.getUTCDate()).padStart(2, '0')}${month}${String(date.getUTCFullYear() % 100)}`
  const deliveryTime = String(expiry)
  if (category === 'linear') {
    const dated = { contractType: 'LinearFutures', quoteCoin: 'USDC', settleCoin: 'USDC', deliveryTime }
    return [{ ...record, ...dated, symbol: `BTC-${day}` }]
  }
  if (category === 'inverse') {
    return [{ ...record, symbol: 'BTCUSD', contractType: 'InversePerpetual', quoteCoin: 'USD', settleCoin: 'BTC' }]
  }
  return []
}
