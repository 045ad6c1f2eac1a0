import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectors } from '../../src/exchanges/registry.ts'
import { EXCHANGES } from './catalogue.ts'
import { get, startTestExchanges, type TestExchanges } from './client.ts'
import { openStream, refusalOf } from './ws/client.ts'

let exchanges: TestExchanges
beforeAll(async () => {
  exchanges = await startTestExchanges()
})
afterAll(() => exchanges.stop())

it.each(EXCHANGES)('%s serves every endpoint that the connector knows, and no other path', async (exchange) => {
  const urls = exchanges.streamUrls[exchange] ?? {}
  const { endpoints } = connectors[exchange].stream
  expect(Object.keys(urls).toSorted()).toEqual(endpoints.map(({ name }) => name).toSorted())
  for (const { name, path } of endpoints) {
    const stream = await openStream(`${urls[name]}${path}`)
    const { body } = await get(`${urls[name]}/_control`)
    expect(body).toMatchObject({ streams: { sockets: { [name]: 1 } } })
    stream.close()
    expect((await refusalOf(`${urls[name]}/nowhere`)).status).toBe(404)
  }
})

it('sends to each listener what it asked for, each frame worked out once', async () => {
  const url = `${exchanges.streamUrls.binance?.['spot']}/stream?streams=`
  const names = ['btcusdt@trade', 'ethusdt@trade', 'btcusdt@trade/ethusdt@trade']
  const streams = await Promise.all(names.map((name) => openStream(url + name)))
  exchanges.clock.advance(600_000)
  for (const stream of streams) {
    stream.send({ method: 'LIST_SUBSCRIPTIONS', id: 1 })
    await stream.find(({ id }) => id === 1)
  }
  const [btc = [], eth = [], both = []] = streams.map(({ texts }) =>
    texts.filter((text) => text.startsWith('{"stream"')),
  )
  expect(both.length).toBeGreaterThan(100)
  expect([...btc, ...eth].toSorted()).toEqual(both.toSorted())
  for (const stream of streams) stream.close()
})
