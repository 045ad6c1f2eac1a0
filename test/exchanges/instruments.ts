import { decimal } from '../../src/domain/decimal.ts'
import type { Instrument, InstrumentKind } from '../../src/domain/instrument.ts'
import type { ExchangeName } from '../../src/exchanges/registry.ts'

/** What a connector needs to know of an instrument, and the rest of it. */
export function instrument(exchange: ExchangeName, exchangeSymbol: string, kind: InstrumentKind = 'spot'): Instrument {
  return {
    ...{ exchange, kind, exchangeSymbol, symbol: 'BTC-USDT', base: 'BTC', quote: 'USDT', settle: null, inverse: false },
    ...{ contractSize: decimal('0.01'), tickSize: null, lotSize: null, active: true, listedAt: null },
  }
}
