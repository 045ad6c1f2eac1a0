import { type RunningWorker, startWorker } from '../harness/worker.ts'
import { sendLines } from './ingest-request.ts'
import type { Report } from './report.ts'
import { randomOf } from './statistics.ts'

const SYMBOL = 'BTC-USDT'
const FIRST = Date.UTC(2026, 0, 1)
const SEED = 1

const TRADES = 100_000
/** A busy market has some 20 a second. */
const TRADE_EVERY_MS = 50

const BOOKS = 3_000
const BOOK_EVERY_MS = 1_000
/** A side. */
const LEVELS = 50

/** Trades of one instrument, sent as NDJSON in one request and sent again. */
export function measureTrades(report: Report): Promise<void> {
  return measure(report, { name: 'trades', channel: 'trades', count: TRADES, lines: tradeLines() })
}

/** Order books of one instrument, sent as NDJSON in one request and sent again. */
export function measureOrderBooks(report: Report): Promise<void> {
  return measure(report, { name: 'order-books', channel: 'book', count: BOOKS, lines: bookLines() })
}

interface Sent {
  /** In the path. */
  readonly name: string
  /** In the table. */
  readonly channel: string
  readonly count: number
  readonly lines: Iterable<string>
}

async function measure(report: Report, { name, channel, count, lines }: Sent): Promise<void> {
  const worker = await startWorker({ vars: {} })
  try {
    await insertInstrument(worker)
    const path = `/v1/ingest/${name}?exchange=binance&symbol=${SYMBOL}`
    const body = Buffer.from([...lines].join(''))
    const firstMs = await sendLines(worker, path, body, { accepted: count, unchanged: 0 })
    const againMs = await sendLines(worker, path, body, { accepted: 0, unchanged: count })
    const perSecond = (ms: number) => (count / ms) * 1_000
    report({ case: name, value: perSecond(firstMs), unit: `${name}/s`, against: null })
    report({ case: `${name} again`, value: perSecond(againMs), unit: `${name}/s`, against: null })
    const bytes = await storedBytes(worker, channel, count)
    const against = { name: 'as sent', value: body.length / count }
    report({ case: `${name} stored`, value: bytes / count, unit: 'B each', against })
  } finally {
    await worker.stop()
  }
}

async function insertInstrument({ db }: RunningWorker): Promise<void> {
  await db
    .prepare(
      `INSERT INTO instruments (exchange, kind, symbol, exchange_symbol, base, quote, inverse, active, listed, valid_from)
       VALUES ('binance', 'spot', '${SYMBOL}', 'BTCUSDT', 'BTC', 'USDT', 0, 1, 1, 0)`,
    )
    .run()
}

/** @returns what all records take as stored, once it is checked that they are all there */
async function storedBytes({ db }: RunningWorker, channel: string, count: number): Promise<number> {
  const row = await db
    .prepare('SELECT sum(count) AS n, sum(length(data)) AS bytes FROM ingested_chunks WHERE channel = ?1')
    .bind(channel)
    .first<{ readonly n: number; readonly bytes: number }>()
  if (row === null || row.n !== count) throw new Error(`${row?.n} of ${count} records are stored`)
  return row.bytes
}

function* tradeLines(): Generator<string> {
  const random = randomOf(SEED)
  let cents = 6_000_000
  for (let index = 0; index < TRADES; index++) {
    cents += Math.floor(random() * 21) - 10
    const exchangeTime = FIRST + index * TRADE_EVERY_MS
    yield `${JSON.stringify({
      id: String(5_000_000_000 + index),
      price: (cents / 100).toFixed(2),
      size: (random() * 2 + 0.00001).toFixed(5),
      side: random() < 0.5 ? 'buy' : 'sell',
      exchangeTime,
      receivedTime: exchangeTime + 20 + Math.floor(random() * 60),
    })}\n`
  }
}

function* bookLines(): Generator<string> {
  const random = randomOf(SEED)
  let cents = 6_000_000
  for (let index = 0; index < BOOKS; index++) {
    cents += Math.floor(random() * 201) - 100
    const side = (first: number, step: number) =>
      Array.from({ length: LEVELS }, (_, level) => [
        ((first + level * step) / 100).toFixed(2),
        (random() * 2 + 0.00001).toFixed(5),
      ])
    const [bids, asks] = [side(cents, -1), side(cents + 1, 1)]
    yield `${JSON.stringify({ exchangeTime: FIRST + index * BOOK_EVERY_MS, sequence: 10_000_000 + index * 40, bids, asks })}\n`
  }
}
