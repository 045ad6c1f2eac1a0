import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { type IngestedCandle, ingestedCandles } from '../../src/domain/ingest-candle.ts'
import { Intake, type WriteBatch } from '../../src/routes/ingest/intake.ts'
import { LineStream } from '../../src/routes/ingest/line-stream.ts'
import { Targets } from '../../src/routes/ingest/targets.ts'
import { writeCandles } from '../../src/store/ingest-candles.ts'
import type { Reader } from '../../src/store/sessions.ts'
import { insertInstrument, minutes } from './api.ts'
import { ndjson, sentIn } from './ingest.ts'

interface Parts {
  readonly db?: Reader
  readonly write?: WriteBatch<IngestedCandle>
  readonly ownExchanges?: () => Promise<string[]>
}

/** What is answered to a body of candles, where these parts of what takes it in are others. */
async function answersTo(body: string, { db = env.DB, write = writeCandles, ownExchanges = async () => [] }: Parts) {
  const ports = { storeFor: () => env.DB, sessionOf: () => db, ownExchanges }
  const clock = { now: () => Date.UTC(2030, 0, 1), at: Number, realMs: Number }
  const intake = new Intake(
    ingestedCandles,
    write,
    { source: 'ingest', defaults: {} },
    { targets: new Targets(ports), sessionOf: ports.sessionOf, clock, newId: () => crypto.randomUUID() },
  )
  const quiet = { keyed: undefined, bookmark: () => '', onChange: () => undefined }
  const stream = new LineStream(new Blob([body]).stream(), intake, quiet)
  await stream.open()
  const answers: string[] = []
  await stream.run((line) => answers.push(line))
  return answers.map((line): unknown => JSON.parse(line))
}

/** The database, until so many statements have been carried out: D1 then refuses the invocation any more. */
function limited(most: number): Reader {
  let left = most
  const spend = (count: number) => {
    left -= count
    if (left < 0) throw new Error('D1_ERROR: too many queries of one invocation')
  }
  return {
    prepare(sql) {
      spend(1)
      return env.DB.prepare(sql)
    },
    batch: (statements) => env.DB.batch(statements),
  }
}

it('answers a batch that was being stored while the next one could not be judged', async () => {
  await insertInstrument({ symbol: 'HALF-USDT' })
  const records = sentIn(minutes(0, 1_500), { exchange: 'okx', symbol: 'HALF-USDT' }).map((record, index) =>
    index < 1_000 ? record : { ...record, exchange: 'mine' },
  )
  const failing = Promise.withResolvers<void>()
  const answers = await answersTo(ndjson(records), {
    async write(_, groups) {
      await failing.promise
      // Later than all that the failure sets off.
      await new Promise((resolve) => setTimeout(resolve, 10))
      return { accepted: groups[0]?.records.length ?? 0, unchanged: 0, revised: 0 }
    },
    ownExchanges() {
      failing.resolve()
      return Promise.reject(new Error('no database'))
    },
  })
  expect(answers).toMatchObject([
    { batch: 0, accepted: 1_000, lastLine: 1_000 },
    { summary: true, batches: 1, accepted: 1_000, incomplete: true, lastLine: 1_000 },
  ])
})

it('says how far it came where an invocation may ask the database nothing more', async () => {
  await insertInstrument({ symbol: 'LONG-USDT' })
  const body = ndjson(sentIn(minutes(0, 6_000), { exchange: 'okx', symbol: 'LONG-USDT' }))
  // One to find the instrument, two for its series, four a batch.
  const answers = await answersTo(body, { db: limited(3 + 4 * 4 + 2) })
  expect(answers).toHaveLength(5)
  expect(answers.at(-1)).toMatchObject({
    batches: 4,
    accepted: 4_000,
    incomplete: true,
    lastLine: 4_000,
    error: { code: 'storage_unavailable' },
  })
  const again = await answersTo(body, {})
  expect(again.at(-1)).toMatchObject({ accepted: 2_000, unchanged: 4_000, incomplete: false })
})
