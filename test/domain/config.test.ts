import { describe, expect, it } from 'vitest'
import { scaledClock } from '../../src/domain/clock.ts'
import { parseConfig } from '../../src/domain/config.ts'
import { DEFAULT_THRESHOLDS } from '../../src/domain/quality/thresholds.ts'

const SETTINGS = {
  EXCHANGE_HOSTS: '{"okx":{"spot":"https://my.okx.com"}}',
  LOADER_REGIONS: '{"okx":"weur"}',
  RATE_BUDGET_SHARE: '0.5',
  EDGE_CACHE: 'on',
  STREAMS: 'on',
  STREAM_HOSTS: '{"okx":{"public":"https://wsaws.okx.com:8443"}}',
  FEED_CLIENTS: '200',
  FEED_TOPICS: '1000',
  FEED_BOOKS: '150',
  RELAYS: '2',
  RELAY_CLIENTS: '1000',
  TRADE_RETENTION_HOURS: '24',
  QUALITY: '{"priceJump":{"percent":2}}',
  ENVIRONMENT: 'production',
}

describe('parseConfig', () => {
  it('reads the settings', () => {
    expect(parseConfig({ ...SETTINGS, ADMIN_TOKEN: 'secret' })).toEqual({
      hosts: { okx: { spot: 'https://my.okx.com' } },
      regions: { okx: 'weur' },
      rateBudgetShare: 0.5,
      edgeCache: true,
      streams: true,
      streamHosts: { okx: { public: 'https://wsaws.okx.com:8443' } },
      feedClients: 200,
      feedTopics: 1000,
      feedBooks: 150,
      relays: 2,
      relayClients: 1000,
      tradeRetentionMs: 86_400_000,
      quality: { ...DEFAULT_THRESHOLDS, priceJump: { ...DEFAULT_THRESHOLDS.priceJump, percent: 2 } },
      adminToken: 'secret',
      time: { scale: 1, epoch: 0 },
    })
  })

  it.each([
    ['EXCHANGE_HOSTS', '{'],
    ['EXCHANGE_HOSTS', '{"okx":{"spot":"my.okx.com"}}'],
    ['EXCHANGE_HOSTS', '{"okx":{"option":"https://my.okx.com"}}'],
    ['LOADER_REGIONS', '{"okx":"mars"}'],
    ['RATE_BUDGET_SHARE', '0'],
    ['RATE_BUDGET_SHARE', '1.5'],
    ['RATE_BUDGET_SHARE', 'half'],
    ['EDGE_CACHE', 'maybe'],
    ['STREAMS', 'yes'],
    ['STREAM_HOSTS', '{"okx":"https://ws.okx.com"}'],
    ['FEED_CLIENTS', '40000'],
    ['FEED_TOPICS', '0'],
    ['FEED_BOOKS', 'all'],
    ['RELAYS', '0'],
    ['RELAY_CLIENTS', '0'],
    ['RELAY_CLIENTS', '40000'],
    ['TRADE_RETENTION_HOURS', '-1'],
    ['QUALITY', ''],
    ['QUALITY', '{"priceJump":{"percent":0}}'],
    ['QUALITY', '{"pricejump":{}}'],
    ['QUALITY', '{"flatRun":{"activity":2}}'],
  ])('refuses %s = %s by its name', (name, value) => {
    expect(() => parseConfig({ ...SETTINGS, [name]: value })).toThrow(name)
  })

  it('takes an empty admin token for none', () => {
    expect(parseConfig({ ...SETTINGS, ADMIN_TOKEN: ' ' }).adminToken).toBeUndefined()
    expect(parseConfig(SETTINGS).adminToken).toBeUndefined()
  })

  it('refuses accelerated time where it is deployed', () => {
    expect(() => parseConfig({ ...SETTINGS, TIME_SCALE: '60@0' })).toThrow('TIME_SCALE')
    expect(parseConfig({ ...SETTINGS, ENVIRONMENT: 'test', TIME_SCALE: '60@1000' }).time).toEqual({
      scale: 60,
      epoch: 1000,
    })
    expect(() => parseConfig({ ...SETTINGS, ENVIRONMENT: 'test', TIME_SCALE: '60' })).toThrow('TIME_SCALE')
  })
})

describe('scaledClock', () => {
  it('runs as fast as it is told, from its epoch', () => {
    let real = 1_000
    const clock = scaledClock(() => real, 60, 1_000)
    expect(clock.now()).toBe(1_000)
    real += 1_000
    expect(clock.now()).toBe(61_000)
    expect(clock.at(3_000)).toBe(121_000)
    expect(clock.realMs(60_000)).toBe(1_000)
  })
})
