import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { createApp } from '../../src/routes/app.ts'
import { MINUTE, T0 } from '../store/seed.ts'
import { problem, seed } from './api.ts'

const NOW = T0 + 30 * 60 * MINUTE
const START = NOW - 20 * 60 * MINUTE
const UPGRADE = { headers: { Upgrade: 'websocket' } }

const { symbol } = await seed()

/** By a clock that stands still: it runs a trillion times slower than the real one. */
async function ask(query: string, init: RequestInit = {}, path = `okx/${symbol}`): Promise<Response> {
  const bindings = { ...env, TIME_SCALE: `0.000000000001@${NOW}` }
  return createApp().request(`https://api.test/v1/replay/${path}?${query}`, init, bindings)
}

describe('a replay that cannot be', () => {
  const at = (ms: number) => `start=${START}&end=${START + ms}`

  it.each([
    ['end', `start=${START}`],
    ['start', `end=${START}`],
    ['end', at(0)],
    ['end', `start=${START}&end=${NOW + 1}`],
    ['start', `start=yesterday&end=${START}`],
    ['channels', `${at(MINUTE)}&channels=ticker`],
    ['channels', `${at(MINUTE)}&channels=`],
    ['channels', `${at(MINUTE)}&channels=trades:1m`],
    ['channels', `${at(MINUTE)}&channels=candles:1m:2m`],
    ['speed', `${at(MINUTE)}&speed=0`],
    ['speed', `${at(MINUTE)}&speed=fast`],
    ['speed', `${at(MINUTE)}&speed=99999`],
    ['source', `${at(MINUTE)}&source=A!`],
    ['source', `${at(MINUTE)}&source=trades`],
    ['format', `${at(MINUTE)}&format=csv`],
    ['depth', `${at(MINUTE)}&depth=5`],
    // Ten years of minutes.
    ['end', `start=2016-01-01&end=${START}&channels=candles`],
  ])('names %s of %s', async (path, query) => {
    for (const init of [{}, UPGRADE]) {
      const response = await ask(query, init)
      expect(response.status).toBe(400)
      expect((await problem(response))['errors']).toContainEqual({ path, message: expect.any(String) })
    }
  })

  it('names what does not exist', async () => {
    const query = at(MINUTE)
    const interval = await ask(`${query}&channels=candles:7m`)
    expect([interval.status, (await problem(interval))['code']]).toEqual([400, 'unknown_interval'])
    expect(JSON.stringify(await problem(await ask(`${query}&channels=candles:7m`)))).toContain('one of 1m, 3m, 5m')
    expect(JSON.stringify(await problem(await ask(`${query}&channels=trades,book:5`)))).toContain(
      'books are not replayed',
    )
    const exchange = await ask(query, {}, 'nowhere/BTC-USDT')
    expect([exchange.status, (await problem(exchange))['code']]).toEqual([404, 'unknown_exchange'])
    const instrument = await ask(query, UPGRADE, 'okx/NONE-USDT')
    expect([instrument.status, (await problem(instrument))['code']]).toEqual([404, 'unknown_instrument'])
  })
})
