/** ccxt's streaming clients pointed at the simulated exchanges. */

import ccxt, { type Exchange } from 'ccxt'
import type { SimulatorUrls, StreamUrls } from '../simulator/exchanges.ts'

interface Urls {
  readonly urls: SimulatorUrls
  readonly streamUrls: StreamUrls
}

/** Binance. ccxt puts `/public` or `/market` into the addresses of USD-M itself. */
export const createBinanceStreams = ({ urls, streamUrls }: Urls): Exchange => {
  const { spot = '', perpetual = '' } = urls.binance ?? {}
  const client = new ccxt.pro.binance({ options: { fetchMarkets: { types: ['spot', 'linear'] } } })
  client.urls['api'] = {
    public: `${spot}/api/v3`,
    fapiPublic: `${perpetual}/fapi/v1`,
    ws: {
      // It tells spot from perpetuals by this word in the address.
      spot: `${socketUrl(streamUrls.binance?.['spot'])}/stream`,
      future: `${socketUrl(streamUrls.binance?.['usdm-public'])}/ws`,
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

/** OKX. @param keepAliveMs real ms between pings: in faster time the exchange wants them sooner than ccxt sends them */
export const createOkxStreams = ({ urls, streamUrls }: Urls, keepAliveMs: number): Exchange => {
  const client = new ccxt.pro.okx({ options: { fetchMarkets: { types: ['spot', 'swap'] } } })
  client.urls['api'] = { rest: urls.okx?.spot ?? '', ws: `${socketUrl(streamUrls.okx?.['public'])}/ws/v5` }
  client.streaming['keepAlive'] = keepAliveMs
  return client
}

export const createBybitStreams = ({ urls, streamUrls }: Urls): Exchange => {
  const client = new ccxt.pro.bybit({ options: { fetchMarkets: { types: ['spot', 'linear'] } } })
  const { spot, linear } = streamUrls.bybit ?? {}
  client.urls['api'] = {
    public: urls.bybit?.spot ?? '',
    ws: { public: { spot: `${socketUrl(spot)}/v5/public/spot`, linear: `${socketUrl(linear)}/v5/public/linear` } },
  }
  return client
}

const socketUrl = (url = ''): string => url.replace('http', 'ws')
