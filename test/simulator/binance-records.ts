/**
 * Records of Binance's `exchangeInfo`, in the shape of
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/general-endpoints#exchange-information and
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Exchange-Information
 */

import type { Instrument } from './catalogue.ts'
import { decimalText } from './decimal-text.ts'

/** Spot spells every quantity with eight decimals. */
const SPOT_DECIMALS = 8

/** Decimals of USD-M prices: one more than the tick has where the tick is coarse (BTC: tick 0.10). */
export const futuresPriceDecimals = (instrument: Instrument): number => Math.max(2, instrument.priceScale)

export const spotRecord = (instrument: Instrument, isTrading: boolean) => {
  const tick = decimalText(1, instrument.priceScale, SPOT_DECIMALS)
  const step = decimalText(1, instrument.sizeScale, SPOT_DECIMALS)
  return {
    symbol: instrument.exchangeSymbol,
    // A delisted symbol stays in the list: https://developers.binance.com/docs/binance-spot-api-docs/enums
    status: isTrading ? 'TRADING' : 'BREAK',
    baseAsset: instrument.base,
    baseAssetPrecision: 8,
    quoteAsset: instrument.quote,
    quotePrecision: 8,
    quoteAssetPrecision: 8,
    baseCommissionPrecision: 8,
    quoteCommissionPrecision: 8,
    orderTypes: ['LIMIT', 'LIMIT_MAKER', 'MARKET', 'STOP_LOSS', 'STOP_LOSS_LIMIT', 'TAKE_PROFIT', 'TAKE_PROFIT_LIMIT'],
    icebergAllowed: true,
    ocoAllowed: true,
    otoAllowed: true,
    opoAllowed: true,
    quoteOrderQtyMarketAllowed: true,
    allowTrailingStop: true,
    cancelReplaceAllowed: true,
    amendAllowed: true,
    pegInstructionsAllowed: true,
    isSpotTradingAllowed: true,
    isMarginTradingAllowed: true,
    filters: [
      { filterType: 'PRICE_FILTER', minPrice: tick, maxPrice: '1000000.00000000', tickSize: tick },
      { filterType: 'LOT_SIZE', minQty: step, maxQty: '90000000.00000000', stepSize: step },
      { filterType: 'ICEBERG_PARTS', limit: 25 },
      { filterType: 'MARKET_LOT_SIZE', minQty: '0.00000000', maxQty: '118.23158416', stepSize: '0.00000000' },
      {
        filterType: 'NOTIONAL',
        minNotional: '5.00000000',
        applyMinToMarket: true,
        maxNotional: '9000000.00000000',
        applyMaxToMarket: false,
        avgPriceMins: 5,
      },
      { filterType: 'MAX_NUM_ORDERS', maxNumOrders: 200 },
    ],
    permissions: [],
    permissionSets: [['SPOT', 'MARGIN', 'TRD_GRP_004', 'TRD_GRP_005']],
    defaultSelfTradePreventionMode: 'EXPIRE_MAKER',
    allowedSelfTradePreventionModes: ['EXPIRE_TAKER', 'EXPIRE_MAKER', 'EXPIRE_BOTH', 'DECREMENT'],
  }
}

export const futuresRecord = (instrument: Instrument, isTrading: boolean) => {
  const decimals = futuresPriceDecimals(instrument)
  const tick = decimalText(1, instrument.priceScale, decimals)
  const step = decimalText(1, instrument.sizeScale)
  return {
    symbol: instrument.exchangeSymbol,
    pair: instrument.exchangeSymbol,
    contractType: 'PERPETUAL',
    deliveryDate: 4_133_404_800_000,
    onboardDate: instrument.listedAt,
    status: isTrading ? 'TRADING' : 'SETTLING',
    maintMarginPercent: '2.5000',
    requiredMarginPercent: '5.0000',
    baseAsset: instrument.base,
    quoteAsset: instrument.quote,
    marginAsset: instrument.quote,
    pricePrecision: decimals,
    quantityPrecision: instrument.sizeScale,
    baseAssetPrecision: 8,
    quotePrecision: 8,
    underlyingType: 'COIN',
    underlyingSubType: ['PoW'],
    triggerProtect: '0.0500',
    liquidationFee: '0.012500',
    marketTakeBound: '0.05',
    maxMoveOrderLimit: 10_000,
    filters: [
      { filterType: 'PRICE_FILTER', minPrice: tick, maxPrice: '1000000', tickSize: tick },
      { filterType: 'LOT_SIZE', minQty: step, maxQty: '10000000', stepSize: step },
      { filterType: 'MARKET_LOT_SIZE', minQty: step, maxQty: '120000', stepSize: step },
      { filterType: 'MAX_NUM_ORDERS', limit: 200 },
      { filterType: 'MAX_NUM_ALGO_ORDERS', limit: 10 },
      { filterType: 'MIN_NOTIONAL', notional: '5' },
      { filterType: 'PERCENT_PRICE', multiplierUp: '1.0500', multiplierDown: '0.9500', multiplierDecimal: '4' },
    ],
    orderTypes: ['LIMIT', 'MARKET', 'STOP', 'STOP_MARKET', 'TAKE_PROFIT', 'TAKE_PROFIT_MARKET', 'TRAILING_STOP_MARKET'],
    timeInForce: ['GTC', 'IOC', 'FOK', 'GTX', 'GTD'],
    permissionSets: ['GRID', 'COPY'],
  }
}

/** What else the USD-M list carries: a dated future. It has no market here. */
export const datedFuture = (bitcoin: Instrument, now: number) => {
  const expiry = Math.floor(now / 86_400_000) * 86_400_000 + 60 * 86_400_000 + 8 * 3_600_000
  const suffix = new Date(expiry).toISOString().slice(2, 10).replaceAll('-', '')
  return {
    ...futuresRecord(bitcoin, true),
    symbol: `BTCUSDT_${suffix}`,
    contractType: 'CURRENT_QUARTER',
    deliveryDate: expiry,
  }
}
