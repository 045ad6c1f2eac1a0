import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { type RegisteredInstrument, registerInstruments } from '../../src/store/registry.ts'

const instrument: RegisteredInstrument = {
  ...{ exchange: 'halfway', kind: 'spot', symbol: 'HALF9-B', exchangeSymbol: 'HALF9-B', base: 'HALF9', quote: 'B' },
  ...{ settle: null, inverse: false, contractSize: null, tickSize: null, lotSize: null, active: true },
  ...{ listedAt: null, validTo: null },
}

it('registers an exchange, its assets and its instruments, or none of them', async () => {
  const broken = {
    prepare: (sql: string) => env.DB.prepare(sql.includes('INTO instruments') ? `${sql} AND nothing` : sql),
    batch: (list: D1PreparedStatement[]) => env.DB.batch(list),
  } as D1Database
  const registerIn = (main: D1Database) =>
    registerInstruments({ main, storeFor: () => main, all: [main] }, new Map([['halfway', 'Halfway']]), [instrument], 5)
  const registered = async () => [
    await env.DB.prepare("SELECT name FROM exchanges WHERE exchange = 'halfway'").first('name'),
    await env.DB.prepare("SELECT asset FROM assets WHERE asset = 'HALF9'").first('asset'),
    await env.DB.prepare("SELECT symbol FROM instruments WHERE exchange = 'halfway'").first('symbol'),
  ]
  await expect(registerIn(broken)).rejects.toThrow('D1_ERROR')
  expect(await registered()).toEqual([null, null, null])
  await registerIn(env.DB)
  expect(await registered()).toEqual(['Halfway', 'HALF9', 'HALF9-B'])
})
