import { type Decimal, decimal } from '../domain/decimal.ts'
import type { InstrumentKind } from '../domain/instrument.ts'

/** What trading costs, as fractions of what is traded: `0.001` is 0.1 %. */
export interface Fees {
  /** Of orders that wait in the book. */
  readonly maker: Decimal
  /** Of orders that meet one that waits. */
  readonly taker: Decimal
}

export interface PublishedFees extends Fees {
  /** The page of the exchange that says so. */
  readonly source: string
}

/**
 * The published base tier (VIP 0, the least volume), without discounts for paying in an exchange's own token and without
 * the special rates of single pairs. Fees change and differ by account: callers may give their own.
 */
const published: Readonly<Record<string, Partial<Readonly<Record<InstrumentKind, PublishedFees>>>>> = {
  binance: {
    spot: fees('0.001', '0.001', 'https://www.binance.com/en/fee/trading'),
    perpetual: fees('0.0002', '0.0005', 'https://www.binance.com/en/fee/futureFee'),
  },
  okx: {
    spot: fees('0.0008', '0.001', 'https://www.okx.com/fees'),
    perpetual: fees('0.0002', '0.0005', 'https://www.okx.com/fees'),
  },
  bybit: {
    spot: fees('0.001', '0.001', 'https://www.bybit.com/en/help-center/article/Trading-Fee-Structure'),
    perpetual: fees('0.0002', '0.00055', 'https://www.bybit.com/en/help-center/article/Trading-Fee-Structure'),
  },
  coinbase: {
    spot: fees('0.004', '0.006', 'https://help.coinbase.com/en/exchange/trading-and-funding/exchange-fees'),
  },
}

/** The fees that an exchange publishes for a kind; `null` where it has no such market here, or is none of ours. */
export function publishedFees(exchange: string, kind: InstrumentKind): PublishedFees | null {
  return (Object.hasOwn(published, exchange) ? published[exchange]?.[kind] : undefined) ?? null
}

function fees(maker: string, taker: string, source: string): PublishedFees {
  return { maker: decimal(maker), taker: decimal(taker), source }
}
