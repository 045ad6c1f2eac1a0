import { env, exports } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { candleAt, MINUTE, T0 } from '../store/seed.ts'
import { api, candlesOf, minutes, problem, read, seed } from './api.ts'

const at = (minute: number) => T0 + minute * MINUTE
const tagged = (path: string, tag: string) => api(path, { headers: { 'If-None-Match': tag } })

describe('revisions', () => {
  it('a changed candle is a new revision, an added one is not', async () => {
    const { path, fill, write } = await seed()
    await fill(minutes(0, 3))
    const window = `${path}&start=${at(0)}&end=${at(3)}`
    await fill(minutes(3, 6))
    expect(await read(window)).toMatchObject({ revision: 0 })
    await write({ window: minutes(1, 2), candles: [candleAt(at(1), '2')] })
    expect(await read(window)).toMatchObject({ revision: 1 })
  })

  it('an old one is gone, the current one is for ever', async () => {
    const { path, fill, write } = await seed()
    await fill(minutes(0, 3))
    const { immutableUrl } = await read(`${path}&start=${at(0)}&end=${at(3)}`)
    const url = String(immutableUrl).replace('https://api.test', '')
    const response = await api(url)
    expect(response.headers.get('Cache-Control')).toBe('public, max-age=31536000, immutable')
    await write({ window: minutes(1, 2), candles: [candleAt(at(1), '2')] })
    expect(await problem(await api(url))).toMatchObject({ status: 410, code: 'stale_revision' })
    expect((await api(`${path}&revision=7`)).status).toBe(410)
  })

  it.each([
    ['is incomplete', (path: string) => `${path}&start=${at(0)}&end=${at(4)}&revision=0`],
    ['has no end', (path: string) => `${path}&start=${at(0)}&limit=3&revision=0`],
    ['reaches the present', (path: string) => `${path}&start=${at(0)}&end=2099-01-01&limit=3&revision=0`],
    ['names no revision', (path: string) => `${path}&start=${at(0)}&end=${at(3)}`],
  ])('a window that %s is revalidated', async (_, urlOf) => {
    const { path, fill } = await seed()
    await fill(minutes(0, 3))
    expect((await api(urlOf(path))).headers.get('Cache-Control')).toBe('public, max-age=60, must-revalidate')
  })

  it('candles that may still be read again are not for ever', async () => {
    const { path, write } = await seed()
    await write({ window: minutes(0, 2), candles: [candleAt(at(0)), candleAt(at(1))], verifiedTo: at(1) })
    const window = `${path}&start=${at(0)}&end=${at(2)}`
    expect(await read(window)).toMatchObject({ immutableUrl: null, coverage: { complete: true, verifiedTo: at(1) } })
    expect((await api(`${window}&revision=0`)).headers.get('Cache-Control')).toContain('max-age=60')
  })
})

describe('ETag', () => {
  it('a complete window keeps it while others are written, and changes it with its revision', async () => {
    const { path, fill, write } = await seed()
    await fill(minutes(0, 3))
    const window = `${path}&start=${at(0)}&end=${at(3)}`
    const first = await api(window)
    const tag = first.headers.get('ETag') ?? ''
    expect(tag).toMatch(/^".+"$/)
    await fill(minutes(5, 6))
    const unchanged = await tagged(window, `"other", W/${tag}`)
    expect([unchanged.status, await unchanged.text()]).toEqual([304, ''])
    expect(unchanged.headers.get('Cache-Control')).toBe('public, max-age=60, must-revalidate')
    expect((await tagged(window, '*')).status).toBe(304)
    await write({ window: minutes(1, 2), candles: [candleAt(at(1), '2')] })
    expect((await tagged(window, tag)).status).toBe(200)
  })

  it('an incomplete window changes it with every write', async () => {
    const { path, fill } = await seed()
    await fill(minutes(0, 3))
    const window = `${path}&start=${at(0)}&end=${at(5)}`
    const tag = (await api(window)).headers.get('ETag') ?? ''
    expect((await tagged(window, tag)).status).toBe(304)
    await fill(minutes(10, 11))
    expect((await tagged(window, tag)).status).toBe(200)
  })

  it('tells a last page from one that is followed by others', async () => {
    const { path, fill } = await seed()
    await fill(minutes(0, 6))
    const tags = [3, 6].map(async (end) =>
      (await api(`${path}&start=${at(0)}&end=${at(end)}&limit=3`)).headers.get('ETag'),
    )
    expect(new Set(await Promise.all(tags)).size).toBe(2)
  })
})

describe('the edge cache', () => {
  /** As a caller without a bookmark asks. */
  const ask = (path: string, headers: HeadersInit = {}) =>
    exports.default.fetch(new Request(`https://api.test${path}`, { headers }))
  const until = async (condition: () => Promise<boolean>) => {
    for (let attempt = 0; !(await condition()); attempt++) expect(attempt).toBeLessThan(200)
  }

  it('keeps complete answers, and lets a bookmark pass by', async () => {
    const { path, fill, seriesId } = await seed()
    await fill(minutes(0, 3))
    const window = `${path}&start=${at(0)}&end=${at(3)}`
    const first = await ask(window)
    const tag = first.headers.get('ETag') ?? ''
    const body = await first.text()
    await until(async () => (await caches.default.match(`https://api.test${window}`)) !== undefined)
    await env.DB.prepare('DELETE FROM candles WHERE series_id = ?1').bind(seriesId).run()
    const cached = await ask(window)
    expect(await cached.text()).toBe(body)
    expect(cached.headers.get('X-Request-Id')).not.toBe(first.headers.get('X-Request-Id'))
    expect((await ask(window, { 'If-None-Match': tag })).status).toBe(304)
    expect(candlesOf(await read(window)).data).toEqual([])
  })

  it('answers HEAD from the same answer, and no other method', async () => {
    const { path, fill } = await seed()
    await fill(minutes(0, 3))
    const url = `https://api.test${path}&start=${at(0)}&end=${at(3)}`
    const send = (method: string) => exports.default.fetch(new Request(url, { method }))
    expect(await (await send('HEAD')).text()).toBe('')
    await until(async () => (await caches.default.match(url)) !== undefined)
    expect(candlesOf(await (await send('GET')).json()).data).toHaveLength(3)
    expect((await send('HEAD')).headers.get('X-Coverage-Complete')).toBe('true')
    for (const method of ['POST', 'PUT', 'DELETE']) {
      expect(await problem(await send(method)), method).toMatchObject({ status: 405, code: 'method_not_allowed' })
    }
  })

  it('keeps no incomplete answer, no open candle, no failure', async () => {
    const { path, fill } = await seed()
    await fill(minutes(0, 3))
    for (const query of [
      '&end=2026-01-01T00:10',
      '&includeOpen=true&start=2026-01-01&end=2026-01-01T00:03',
      '&limit=0',
    ]) {
      await (await ask(path + query)).text()
      expect(await caches.default.match(`https://api.test${path}${query}`)).toBeUndefined()
    }
  })
})

describe('bookmarks', () => {
  it('that are none are refused', async () => {
    const { path } = await seed()
    const response = await api(path, { headers: { 'X-Bookmark': "' OR 1" } })
    expect(await problem(response)).toMatchObject({ status: 400, errors: [{ path: 'X-Bookmark' }] })
  })
})
