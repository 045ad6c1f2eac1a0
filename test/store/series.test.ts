import { env } from 'cloudflare:workers'
import { beforeEach, expect, it } from 'vitest'
import { type RecordedSeries, readSeries, replaceRecorded } from '../../src/store/series.ts'
import { seedSeries, T0 } from './seed.ts'

const DAY = 86_400_000
let nextId = 0
let instrumentId = 0

beforeEach(async () => {
  nextId += 100
  instrumentId = (await seedSeries('1m', nextId)).seriesId
})

const want = (interval: RecordedSeries['interval'], changes: Partial<RecordedSeries> = {}): RecordedSeries => ({
  instrumentId,
  interval,
  recordedFrom: T0 + DAY,
  isExplicit: false,
  ...changes,
})

async function recorded(): Promise<Record<string, number>> {
  const filter = { exchanges: ['okx'], symbol: `A${instrumentId}-USDT`, interval: null, recorded: true }
  const found = await readSeries(env.DB.withSession(), filter, 0, 100)
  return Object.fromEntries(found.map(({ interval, recordedFrom }) => [interval, recordedFrom ?? -1]))
}

it('what is wanted is recorded from then on, and nothing else', async () => {
  await replaceRecorded(env.DB.withSession(), [want('1h'), want('1d')])
  expect(await recorded()).toEqual({ '1h': T0 + DAY, '1d': T0 + DAY })
})

it('a start that is only the default does not move one that is recorded already', async () => {
  await replaceRecorded(env.DB.withSession(), [want('1m'), want('1h')])
  expect(await recorded()).toEqual({ '1m': T0, '1h': T0 + DAY })
  await replaceRecorded(env.DB.withSession(), [want('1m', { isExplicit: true }), want('1h', { recordedFrom: T0 })])
  expect(await recorded()).toEqual({ '1m': T0 + DAY, '1h': T0 + DAY })
})

it('series of other sources are left alone', async () => {
  await env.DB.prepare("UPDATE series SET source = 'upload' WHERE id = ?1").bind(instrumentId).run()
  await replaceRecorded(env.DB.withSession(), [])
  expect(await recorded()).toEqual({ '1m': T0 })
})

it('doing it twice changes nothing', async () => {
  const wanted = [want('1m'), want('1h', { isExplicit: true })]
  await replaceRecorded(env.DB.withSession(), wanted)
  const first = await recorded()
  await replaceRecorded(env.DB.withSession(), wanted)
  expect(await recorded()).toEqual(first)
})
