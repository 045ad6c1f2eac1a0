/** A process that loads candles as users of ccxt do: `fetchOHLCV` page after page, each stored in one transaction. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import { createClient } from '../ccxt/clients.ts'

const task = z.object({
  urls: z.object({ binance: z.object({ spot: z.string(), perpetual: z.string() }) }),
  symbols: z.array(z.string()),
  start: z.number(),
  end: z.number(),
})

/** The most that the exchange gives. */
const PAGE = 1_000

process.once('message', async (message) => {
  const { urls, symbols, start, end } = task.parse(message)
  const directory = mkdtempSync(join(tmpdir(), 'zvt-crypto-ccxt-'))
  const db = new DatabaseSync(join(directory, 'candles.db'))
  db.exec(`CREATE TABLE candles (symbol TEXT, open_time INTEGER, open REAL, high REAL, low REAL, close REAL, volume REAL,
    PRIMARY KEY (symbol, open_time)) WITHOUT ROWID`)
  const insert = db.prepare('INSERT OR REPLACE INTO candles VALUES (?, ?, ?, ?, ?, ?, ?)')
  const client = createClient('binance', urls)
  client.enableRateLimit = false
  await client.loadMarkets()
  const load = async (symbol: string) => {
    for (let since = start; since < end; ) {
      const rows = await client.fetchOHLCV(symbol, '1m', since, PAGE)
      db.exec('BEGIN')
      for (const [time = 0, ...values] of rows) {
        since = time + 60_000
        if (time < end) insert.run(symbol, time, ...values.map((value) => value ?? null))
      }
      db.exec('COMMIT')
    }
  }
  const startedAt = performance.now()
  await Promise.all(symbols.map(load))
  const elapsedMs = performance.now() - startedAt
  const { n } = z.object({ n: z.number() }).parse(db.prepare('SELECT count(*) AS n FROM candles').get())
  db.close()
  rmSync(directory, { recursive: true })
  process.send?.({ elapsedMs, rows: n }, () => process.disconnect())
})
