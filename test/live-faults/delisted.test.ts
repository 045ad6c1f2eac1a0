import { beforeAll, describe, expect, it } from 'vitest'
import { prepare } from '../faults/scenario.ts'
import { control, database, deps, EXCHANGES, type Exchange, MINUTE, open, until } from './scenario.ts'

const SYMBOLS: Readonly<Record<Exchange, { readonly symbol: string; readonly exchangeSymbol: string }>> = {
  binance: { symbol: 'SOL-USDT', exchangeSymbol: 'SOLUSDT' },
  okx: { symbol: 'SOL-USDT', exchangeSymbol: 'SOL-USDT' },
  bybit: { symbol: 'SOL-USDT', exchangeSymbol: 'SOLUSDT' },
  coinbase: { symbol: 'SOL-USD', exchangeSymbol: 'SOL-USD' },
}

/** The feed looks once a minute, and trades are asked of REST before they go on: real ms. */
const PATIENCE_MS = 28_000

beforeAll(async () => {
  await Promise.all(EXCHANGES.map(prepare))
})

/** As the loader does it each hour, when it has read the exchange's list. */
async function setEnd(exchange: Exchange, validTo: number | null): Promise<void> {
  await database
    .prepare(
      "UPDATE instruments SET active = ?4, valid_to = ?3 WHERE exchange = ?1 AND symbol = ?2 AND kind = 'spot' AND listed",
    )
    .bind(exchange, SYMBOLS[exchange].symbol, validTo, validTo === null ? 1 : 0)
    .run()
}

describe.concurrent.each(EXCHANGES)('an instrument of %s', (exchange) => {
  it('is delisted in mid-stream: its clients are told, and hear of it when it is listed again', {
    retry: 1,
  }, async () => {
    const { symbol, exchangeSymbol } = SYMBOLS[exchange]
    const client = await open(exchange)
    const args = [
      { channel: 'trades', symbol },
      { channel: 'book', symbol, depth: 5 },
    ]
    await client.subscribe(...args)
    const logs = args.map((arg) => client.topic(arg))
    await client.until(() => logs.every(({ messages }) => messages.length > 0))

    await control(exchange, { delist: { symbol: exchangeSymbol, kind: 'spot' } })
    await setEnd(exchange, deps.clock.now())
    const markedAt = deps.clock.now()
    const isTold = () => logs.every((log) => log.notices().some(({ type }) => type === 'gap'))
    await until('clients to be told', async () => isTold(), PATIENCE_MS)
    expect(deps.clock.now() - markedAt).toBeLessThan(3 * MINUTE)
    const [refused] = await (await open(exchange)).subscribe({ channel: 'trades', symbol })
    expect(refused).toMatchObject({
      type: 'error',
      code: 'unprocessable',
      detail: expect.stringContaining('refuses it'),
    })

    await control(exchange, { reset: true })
    await setEnd(exchange, null)
    const since = logs.map(({ messages }) => messages.length)
    const isBack = () => logs.every(({ messages }, n) => messages.slice(since[n]).some(({ type }) => type !== 'gap'))
    await until('data to come again', async () => isBack(), PATIENCE_MS)
    expect(client.faults).toEqual([])
    client.close()
  })
})
