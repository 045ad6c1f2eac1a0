/**
 * Records of OKX's `public/instruments`.
 * https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments
 */

import type { Instrument } from './catalogue.ts'
import { decimalText } from './decimal-text.ts'

const FIELDS = {
  alias: '',
  auctionEndTime: '',
  baseCcy: '',
  category: '1',
  contTdSwTime: '',
  ctMult: '',
  ctType: '',
  ctVal: '',
  ctValCcy: '',
  expTime: '',
  freq: '',
  futureSettlement: false,
  groupId: '1',
  instCategory: '1',
  instFamily: '',
  lever: '10',
  longPosRemainingQuota: '',
  maxIcebergSz: '9999999999.0000000000000000',
  maxLmtAmt: '20000000',
  maxLmtSz: '9999999999',
  maxMktAmt: '1000000',
  maxMktSz: '1000000',
  maxPlatOILmt: '',
  maxStopSz: '1000000',
  maxTriggerSz: '9999999999.0000000000000000',
  maxTwapSz: '9999999999.0000000000000000',
  method: '',
  openType: 'call_auction',
  optType: '',
  posLmtAmt: '',
  posLmtPct: '',
  preMktSwTime: '',
  quoteCcy: '',
  ruleType: 'normal',
  seriesId: '',
  settleCcy: '',
  shortPosRemainingQuota: '',
  state: 'live',
  stk: '',
  tradeQuoteCcyList: [],
  uly: '',
  upcChg: [],
}

export const okxRecord = (instrument: Instrument) => {
  const { base, quote, exchangeSymbol, contractSize } = instrument
  const lot = decimalText(1, instrument.sizeScale)
  const common = {
    ...FIELDS,
    instId: exchangeSymbol,
    instIdCode: 10_000 + instrument.index,
    listTime: String(instrument.listedAt),
    lotSz: lot,
    minSz: lot,
    tickSz: decimalText(1, instrument.priceScale),
  }
  if (contractSize === null)
    return { ...common, instType: 'SPOT', baseCcy: base, quoteCcy: quote, tradeQuoteCcyList: [quote] }
  const family = `${base}-${quote}`
  return {
    ...common,
    instType: 'SWAP',
    ctMult: '1',
    ctType: 'linear',
    ctVal: contractSize,
    ctValCcy: base,
    settleCcy: quote,
    instFamily: family,
    uly: family,
    lever: '100',
  }
}

/** What else the lists carry, without a market here: an inverse swap, and a dated future or an option under their types. */
export const otherOkxRecords = (type: string, now: number) => {
  const expiry = Math.floor(now / 86_400_000) * 86_400_000 + 60 * 86_400_000 + 8 * 3_600_000
  const day = new Date(expiry).toISOString().slice(2, 10).replaceAll('-', '')
  const contract = {
    ...FIELDS,
    instType: type,
    ctMult: '1',
    listTime: '1611907686000',
    lotSz: '1',
    minSz: '1',
    tickSz: '0.1',
  }
  const inverse = {
    ctType: 'inverse',
    ctVal: '100',
    ctValCcy: 'USD',
    settleCcy: 'BTC',
    instFamily: 'BTC-USD',
    uly: 'BTC-USD',
  }
  const linear = {
    ctType: 'linear',
    ctVal: '0.01',
    ctValCcy: 'BTC',
    settleCcy: 'USDT',
    instFamily: 'BTC-USDT',
    uly: 'BTC-USDT',
  }
  if (type === 'SWAP') return [{ ...contract, ...inverse, instId: 'BTC-USD-SWAP', instIdCode: 10_458 }]
  if (type === 'FUTURES') {
    return [
      {
        ...contract,
        ...linear,
        instId: `BTC-USDT-${day}`,
        instIdCode: 20_001,
        alias: 'quarter',
        expTime: String(expiry),
      },
    ]
  }
  if (type !== 'OPTION') return []
  const option = {
    ...contract,
    ...inverse,
    ctType: '',
    ctVal: '1',
    ctValCcy: 'BTC',
    ctMult: '0.01',
    optType: 'C',
    stk: '80000',
  }
  return [
    { ...option, instId: `BTC-USD-${day}-80000-C`, instIdCode: 30_001, expTime: String(expiry), tickSz: '0.0001' },
  ]
}
