import { describe, expect, it } from 'vitest'
import { MINUTE, T0 } from '../store/seed.ts'
import { api, candlesOf, insertInstrument, minutes, problem, read } from './api.ts'
import { ingest, sentIn } from './ingest.ts'

let next = 0

/** An instrument with minutes 10–20 and 30–40 of a user's own. */
async function withHole(): Promise<string> {
  const symbol = `R${next++}-USDT`
  await insertInstrument({ symbol })
  const path = `/v1/ingest/candles?exchange=okx&symbol=${symbol}`
  await ingest(path, [...sentIn(minutes(10, 20)), ...sentIn(minutes(30, 40))])
  return symbol
}

const at = (minute: number) => T0 + minute * MINUTE

describe('candles that users have sent', () => {
  it('are missing wherever none was sent, of a window that is asked for', async () => {
    const symbol = await withHole()
    const page = candlesOf(
      await read(`/v1/candles/okx/${symbol}?interval=1m&source=ingest&start=${at(0)}&end=${at(50)}`),
    )
    expect(page.data).toHaveLength(20)
    expect(page.coverage.missing).toEqual([
      [at(0), at(10), 'not_ingested'],
      [at(20), at(30), 'not_ingested'],
      [at(40), at(50), 'not_ingested'],
    ])
  })

  it('end with the last one, where the newest are asked for', async () => {
    const symbol = await withHole()
    const newest = candlesOf(await read(`/v1/candles/okx/${symbol}?interval=1m&source=ingest&limit=10`))
    expect(newest).toMatchObject({ start: at(30), end: at(40), coverage: { complete: true } })
    const all = candlesOf(await read(`/v1/candles/okx/${symbol}?interval=1m&source=ingest&limit=100`))
    expect(all).toMatchObject({ start: at(10), end: at(40), coverage: { missing: [[at(20), at(30), 'not_ingested']] } })
  })

  it('are derived from, as loaded ones are', async () => {
    const symbol = await withHole()
    const page = candlesOf(
      await read(`/v1/candles/okx/${symbol}?interval=5m&source=ingest&start=${at(10)}&end=${at(25)}`),
    )
    expect(page).toMatchObject({ derived: true, coverage: { missing: [[at(20), at(25), 'incomplete_input']] } })
    expect(page.data.map(({ openTime }) => openTime)).toEqual([at(10), at(15)])
  })

  it('are derived from back from the last one, however long ago that is, where the newest are asked for', async () => {
    const symbol = await withHole()
    const newest = candlesOf(await read(`/v1/candles/okx/${symbol}?interval=5m&source=ingest&limit=2`))
    expect(newest).toMatchObject({ derived: true, start: at(30), end: at(40), coverage: { complete: true } })
    expect(newest.data.map(({ openTime }) => openTime)).toEqual([at(30), at(35)])
    // No hour is whole; the one that the last candle is in is said to be missing.
    const hours = candlesOf(await read(`/v1/candles/okx/${symbol}?interval=1h&source=ingest&limit=1`))
    expect(hours).toMatchObject({ start: at(0), end: at(60), data: [], coverage: { complete: false } })
  })

  it('have coverage of their own, from the first to the last', async () => {
    const symbol = await withHole()
    const path = `/v1/coverage?exchange=okx&symbol=${symbol}&interval=1m&source=ingest`
    expect(await read(`${path}&recount=true`)).toMatchObject({
      source: 'ingest',
      start: at(10),
      end: at(40),
      complete: false,
      firstCandleTime: null,
      slots: { expected: 30, present: 20, empty: 0, missing: 10, outside: 0 },
      ranges: [
        [at(10), at(20)],
        [at(30), at(40)],
      ],
      proof: { equal: true, ranges: 2 },
    })
    await ingest(`/v1/ingest/candles?exchange=okx&symbol=${symbol}`, sentIn(minutes(20, 30)))
    expect(await read(`${path}&recount=true`)).toMatchObject({ complete: true, proof: { equal: true, ranges: 1 } })
    const loaded = await api(`/v1/coverage?exchange=okx&symbol=${symbol}&interval=1m`)
    expect(loaded.status).toBe(404)
    expect(await problem(loaded)).toMatchObject({ errors: [{ path: 'interval' }] })
  })
})
