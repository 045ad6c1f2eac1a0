import { z } from 'zod'
import { type RunningWorker, startWorker } from '../harness/worker.ts'
import { sendLines } from './ingest-request.ts'
import { prepareRawInsert } from './raw-insert-runner.ts'
import type { Report } from './report.ts'
import { median, randomOf } from './statistics.ts'
import { MINUTE } from './system.ts'

const SYMBOLS = ['BTC-USDT', 'ETH-USDT', 'SOL-USDT', 'XRP-USDT', 'DOGE-USDT'] as const
/** Four weeks of each symbol: some seconds of work. */
const MINUTES = 40_000
const TOTAL = SYMBOLS.length * MINUTES
const FIRST = Date.UTC(2026, 0, 1)
const SEED = 1
/** Ours and the raw insert take turns, the middle one of each counts. */
const ROUNDS = 3

/**
 * Candles sent as NDJSON in one request, beside the bare insertion of the same rows; and sent again, when nothing
 * changes.
 */
export async function measureCandles(report: Report): Promise<void> {
  const worker = await startWorker({ vars: {} })
  try {
    await insertInstruments(worker)
    const body = Buffer.from([...candleLines()].join(''))
    const send = (accepted: number) =>
      sendLines(worker, '/v1/ingest/candles', body, { accepted, unchanged: TOTAL - accepted })
    const first = await send(TOTAL)
    await checkStored(worker)
    const raw = await prepareRawInsert({ worker })
    const [ours, again, theirs] = [[first], [await send(0)], [await raw.run()]]
    for (let round = 1; round < ROUNDS; round++) {
      await forget(worker)
      ours.push(await send(TOTAL))
      again.push(await send(0))
      theirs.push(await raw.run())
    }
    await checkStored(worker)
    await raw.stop()
    const unit = 'candles/s'
    const against = { name: 'raw json_each insert', value: perSecond(theirs) }
    report({ case: 'candles', value: perSecond(ours), unit, against })
    report({ case: 'candles again', value: perSecond(again), unit, against: null })
  } finally {
    await worker.stop()
  }
}

function perSecond(rounds: readonly number[]): number {
  return (TOTAL / median(rounds)) * 1_000
}

async function forget({ db }: RunningWorker): Promise<void> {
  await db.batch(['candles', 'coverage', 'series'].map((table) => db.prepare(`DELETE FROM ${table}`)))
}

async function insertInstruments({ db }: RunningWorker): Promise<void> {
  await db
    .prepare(
      `INSERT INTO instruments (exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, listed, valid_from)
       SELECT 'binance', 'spot', value, replace(value, '-', ''), replace(value, '-USDT', ''), 'USDT', 0, 1, 1, 0 FROM json_each(?1)`,
    )
    .bind(JSON.stringify(SYMBOLS))
    .run()
}

/** A random walk of each symbol, one after the other, as files of candles are. */
function* candleLines(): Generator<string> {
  const random = randomOf(SEED)
  for (const symbol of SYMBOLS) {
    let price = 1_000_000 + Math.floor(random() * 9_000_000)
    for (let minute = 0; minute < MINUTES; minute++) {
      const open = price
      price += Math.floor(random() * 2_001) - 1_000
      const [high, low] = [Math.max(open, price) + 37, Math.min(open, price) - 41]
      const text = (cents: number) => (cents / 100).toFixed(2)
      const volume = (random() * 100).toFixed(5)
      yield `${JSON.stringify({
        exchange: 'binance',
        symbol,
        interval: '1m',
        openTime: FIRST + minute * MINUTE,
        open: text(open),
        high: text(high),
        low: text(low),
        close: text(price),
        volume,
        quoteVolume: (Number(volume) * (open / 100)).toFixed(6),
        tradeCount: Math.floor(random() * 1_000),
      })}\n`
    }
  }
}

const coverage = z.object({
  complete: z.literal(true),
  slots: z.object({ present: z.literal(MINUTES) }),
  proof: z.object({ equal: z.literal(true) }),
})

/** All candles are there, and the coverage says so and equals its recount. */
async function checkStored({ url, db }: RunningWorker): Promise<void> {
  const stored = await db.prepare('SELECT count(*) AS n FROM candles').first('n')
  if (stored !== TOTAL) throw new Error(`${stored} of ${TOTAL} candles are stored`)
  for (const symbol of SYMBOLS) {
    const path = `/v1/coverage?exchange=binance&symbol=${symbol}&interval=1m&source=ingest&recount=true`
    coverage.parse(await (await fetch(new URL(path, url))).json())
  }
}
