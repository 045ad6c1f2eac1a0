import { describe, expect, it } from 'vitest'
import type { RestOutcome } from '../../src/exchanges/connector.ts'
import { connectors, exchangeNames } from '../../src/exchanges/registry.ts'

const { binance, okx, bybit, coinbase } = connectors

const NO_HEADERS = {}
const COUNTRY_PAGE =
  '<HTML><BODY>The Amazon CloudFront distribution is configured to block access from your country.</BODY></HTML>'
const PLAIN_PAGE = '<html><head><title>Attention</title></head><body>Forbidden</body></html>'

describe.each(exchangeNames)('%s', (exchange) => {
  function classify(status: number, body: string, headers: Record<string, string> = NO_HEADERS): RestOutcome {
    return connectors[exchange].rest.classify(status, new Headers(headers), body)
  }

  it.each([
    ['a list', '[]'],
    ['an envelope', '{"code":"0","retCode":0,"data":[]}'],
    ['a body that is cut off, which is the decoder’s matter', '{"code":"0","data":[['],
    ['nothing', ''],
  ])('takes %s with status 200 for an answer', (_, body) => {
    expect(classify(200, body)).toEqual({ kind: 'ok' })
  })

  it('takes a long body for an answer without reading it', () => {
    const body = `{"code":"51001","retCode":10001,"message":"NotFound","data":"${'x'.repeat(5_000)}"}`
    expect(classify(200, body)).toEqual({ kind: 'ok' })
  })

  it('takes a page in place of data for a failure that passes', () => {
    expect(classify(200, `\n${PLAIN_PAGE}`)).toMatchObject({ kind: 'retry-after', retryAfterMs: null })
  })

  it.each([
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after': ' 0.5 ' }, 500],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }, null],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT', date: 'Wed, 21 Oct 2026 07:27:30 GMT' }, 30_000],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT', date: 'Wed, 21 Oct 2026 07:29:00 GMT' }, 0],
    [{ 'retry-after': '-1' }, null],
    [NO_HEADERS, null],
  ])('honours the delay of 429 with %o', (headers, retryAfterMs) => {
    expect(classify(429, '', headers)).toMatchObject({ kind: 'retry-after', retryAfterMs })
  })

  it('takes 418 for a ban', () => {
    expect(classify(418, '', { 'retry-after': '120' })).toMatchObject({ kind: 'banned-until', banMs: 120_000 })
    expect(classify(418, '')).toMatchObject({ kind: 'banned-until', banMs: null })
  })

  it('takes 451 for a region that is not served', () => {
    expect(classify(451, '{"code":0,"msg":"restricted"}').kind).toBe('geo-blocked')
    expect(classify(451, PLAIN_PAGE).kind).toBe('geo-blocked')
  })

  it('tells a region that is not served from an address that is refused', () => {
    expect(classify(403, COUNTRY_PAGE).kind).toBe('geo-blocked')
    expect(classify(403, PLAIN_PAGE).kind).toBe('banned-until')
    expect(classify(403, '{"message":"Forbidden","msg":"Forbidden"}').kind).toBe('banned-until')
  })

  it.each([500, 502, 503, 504, 408])('takes %i for a failure that passes', (status) => {
    expect(classify(status, PLAIN_PAGE)).toMatchObject({ kind: 'retry-after', retryAfterMs: null })
    expect(classify(status, '')).toMatchObject({ kind: 'retry-after', retryAfterMs: null })
    expect(classify(status, '{"code":-1000,"retCode":10016,"message":"x"}').kind).toBe('retry-after')
  })

  it('rejects what is wrong with the request', () => {
    expect(classify(400, '')).toMatchObject({ kind: 'rejected', code: '400', unknownInstrument: false })
    expect(classify(400, '{"truncated":')).toMatchObject({ kind: 'rejected' })
  })

  it('keeps a reason short and on one line', () => {
    const outcome = classify(400, `a\n${'b'.repeat(900)}`)
    expect(outcome.kind === 'rejected' && outcome.reason).toMatch(/^a b{198}$/)
  })
})

describe('the codes of Binance', () => {
  const classify = (status: number, code: number, msg: string, headers: Record<string, string> = NO_HEADERS) =>
    binance.rest.classify(status, new Headers(headers), JSON.stringify({ code, msg }))

  it.each([
    [400, -1121, 'Invalid symbol.', { kind: 'rejected', code: '-1121', unknownInstrument: true }],
    [400, -1100, 'Illegal characters', { kind: 'rejected', code: '-1100', unknownInstrument: false }],
    [400, -1120, 'Invalid interval.', { kind: 'rejected', code: '-1120', unknownInstrument: false }],
    [400, -1001, 'Internal error', { kind: 'retry-after' }],
    [200, -1008, 'Server is busy', { kind: 'retry-after' }],
    [400, -1003, 'Too many requests', { kind: 'retry-after' }],
    [400, -1003, 'IP banned until 1573820424000', { kind: 'banned-until', banMs: null }],
    [451, 0, 'restricted location', { kind: 'geo-blocked', reason: 'restricted location' }],
    [451, -2015, 'restricted location', { kind: 'geo-blocked' }],
  ])('%i with %i', (status, code, msg, outcome) => {
    expect(classify(status, code, msg)).toMatchObject(outcome)
  })

  it('takes the length of a ban from the header', () => {
    const headers = { 'retry-after': '60' }
    expect(classify(418, -1003, 'banned', headers)).toMatchObject({ kind: 'banned-until', banMs: 60_000 })
    expect(classify(429, -1003, 'Too many', headers)).toMatchObject({ kind: 'retry-after', retryAfterMs: 60_000 })
  })
})

describe('the codes of OKX', () => {
  it.each([
    [200, '50011', 'Too Many Requests', { kind: 'retry-after' }],
    [429, '50011', 'Too Many Requests', { kind: 'retry-after' }],
    [200, '50013', 'System is busy', { kind: 'retry-after' }],
    [200, '50026', 'System error', { kind: 'retry-after' }],
    [200, '51001', 'Instrument ID does not exist', { kind: 'rejected', code: '51001', unknownInstrument: true }],
    [400, '51000', 'Parameter instId error', { kind: 'rejected', code: '51000', unknownInstrument: true }],
    [400, '51000', 'Parameter bar error', { kind: 'rejected', code: '51000', unknownInstrument: false }],
    [403, '50030', 'Forbidden', { kind: 'banned-until' }],
  ])('%i with %s', (status, code, msg, outcome) => {
    const body = JSON.stringify({ msg, code, data: [] })
    expect(okx.rest.classify(status, new Headers(), body)).toMatchObject(outcome)
  })
})

describe('the codes of Bybit', () => {
  it.each([
    [200, 10006, 'Too many visits!', { kind: 'retry-after' }],
    [200, 10018, 'Exceeded the IP Rate Limit.', { kind: 'retry-after' }],
    [200, 10016, 'Internal System Error.', { kind: 'retry-after' }],
    [200, 10001, 'Not supported symbols', { kind: 'rejected', code: '10001', unknownInstrument: true }],
    [200, 10001, 'params error: limit invalid', { kind: 'rejected', code: '10001', unknownInstrument: false }],
    [200, 10009, 'IP has been banned.', { kind: 'banned-until', banMs: null }],
    [200, 10024, 'Compliance rules triggered', { kind: 'geo-blocked' }],
    [403, 10006, 'access too frequent', { kind: 'banned-until', banMs: 600_000 }],
  ])('%i with %i', (status, retCode, retMsg, outcome) => {
    const body = JSON.stringify({ retCode, retMsg, result: {}, time: 1 })
    expect(bybit.rest.classify(status, new Headers(), body)).toMatchObject(outcome)
  })

  it('tells the ban of a fast address by its text', () => {
    const outcome = bybit.rest.classify(403, new Headers(), '<html>403, access too frequent</html>')
    expect(outcome).toMatchObject({ kind: 'banned-until', banMs: 600_000 })
  })
})

describe('the messages of Coinbase', () => {
  it.each([
    [404, 'NotFound', { kind: 'rejected', code: '404', unknownInstrument: true }],
    [400, 'granularity too small for the requested time range', { kind: 'rejected', unknownInstrument: false }],
    [429, 'Public rate limit exceeded', { kind: 'retry-after' }],
    [400, 'Private rate limit exceeded', { kind: 'retry-after' }],
    [503, 'down for maintenance', { kind: 'retry-after', reason: 'down for maintenance' }],
    [403, 'Forbidden', { kind: 'banned-until', reason: 'Forbidden' }],
  ])('%i with %s', (status, message, outcome) => {
    expect(coinbase.rest.classify(status, new Headers(), JSON.stringify({ message }))).toMatchObject(outcome)
  })
})
