/** ccxt's streaming clients pointed at the simulated exchanges. */

import ccxt, { type Exchange } from 'ccxt'
import type { SimulatorUrls, StreamUrls } from '../simulator/exchanges.ts'

interface Urls {
  readonly urls: SimulatorUrls
  readonly streamUrls: StreamUrls
}

/**
 * Binance. ccxt still opens the unrouted path of USD-M, which the exchange has retired: its client is sent to one of the
 * two routed ones instead.
 *
 * @param path the routed path for perpetuals: each serves streams of its own
 */
export const createBinanceStreams = ({ urls, streamUrls }: Urls, path: 'public' | 'market'): Exchange => {
  const { spot = '', perpetual = '' } = urls.binance ?? {}
  const client = new ccxt.pro.binance({ options: { fetchMarkets: { types: ['spot', 'linear'] } } })
  client.urls['api'] = {
    public: `${spot}/api/v3`,
    fapiPublic: `${perpetual}/fapi/v1`,
    ws: {
      spot: `${socketUrl(streamUrls.binance?.['spot'])}/ws`,
      future: `${socketUrl(streamUrls.binance?.[`usdm-${path}`])}/${path}/ws`,
    },
  }
  return client
}

/** Coinbase Exchange. Its order book needs a login: the key is one of a test. */
export const createCoinbaseStreams = ({ urls, streamUrls }: Urls): Exchange => {
  const secret = Buffer.from('a secret of a test').toString('base64')
  const client = new ccxt.pro.coinbaseexchange({ apiKey: 'test', secret, password: 'test' })
  client.urls['api'] = { public: urls.coinbase?.spot ?? '', ws: socketUrl(streamUrls.coinbase?.['feed']) }
  return client
}

const socketUrl = (url = ''): string => url.replace('http', 'ws')
