import { type Clock, scaledClock } from './domain/clock.ts'
import { type Config, parseConfig } from './domain/config.ts'
import { AppError } from './domain/errors.ts'
import type { RegionHint } from './exchanges/connector.ts'
import { connectorFor } from './exchanges/registry.ts'
import { type Stores, storesOf } from './store/stores.ts'

/** Everything that the edges of the system need, unpacked from `env` here and nowhere else. */
export interface Deps {
  readonly config: Config
  readonly clock: Clock
  readonly stores: Stores
  /** A fresh identifier: of a backfill, a batch, a request. */
  readonly newId: () => string
  /** The loader object of an exchange, in the region that the configuration gives it. */
  readonly loader: (exchange: string) => LoaderStub
  /** The feed object of an exchange: its live data, in the same region. */
  readonly feed: (exchange: string) => FeedStub
  /** The `index`th relay (from 0) of a region: what clients connect to that want several exchanges, or find a feed full. */
  readonly relay: (region: RegionHint, index: number) => RelayStub
}

export type LoaderStub = DurableObjectStub<import('../durable-objects/exchange-loader.ts').ExchangeLoader>
export type FeedStub = DurableObjectStub<import('../durable-objects/exchange-feed.ts').ExchangeFeed>
export type RelayStub = DurableObjectStub<import('../durable-objects/stream-relay.ts').StreamRelay>

/** @throws AppError `misconfigured` */
export function createDeps(env: Env): Deps {
  const config = parseConfig(env)
  const clock = scaledClock(Date.now, config.time.scale, config.time.epoch)
  return {
    config,
    clock,
    stores: storesOf(env),
    newId: () => crypto.randomUUID(),
    loader: (exchange) =>
      env.EXCHANGE_LOADER.getByName(loaderName(config, exchange), { locationHint: regionOf(config, exchange) }),
    feed: (exchange) =>
      env.EXCHANGE_FEED.getByName(feedName(config, exchange), { locationHint: regionOf(config, exchange) }),
    relay: (region, index) => env.STREAM_RELAY.getByName(relayName(region, index), { locationHint: region }),
  }
}

/**
 * `loader:okx:apac`. The region is in the name, for a hint counts only when an object is first created.
 * https://developers.cloudflare.com/durable-objects/reference/data-location/#provide-a-location-hint
 */
export function loaderName(config: Config, exchange: string): string {
  return `loader:${exchange}:${regionOf(config, exchange)}`
}

/** `feed:okx:apac`. */
export function feedName(config: Config, exchange: string): string {
  return `feed:${exchange}:${regionOf(config, exchange)}`
}

/** `relay:weur:0`. */
export function relayName(region: RegionHint, index: number): string {
  return `relay:${region}:${index}`
}

function regionOf(config: Config, exchange: string): RegionHint {
  const region = config.regions[exchange] ?? connectorFor(exchange)?.regions[0]
  if (region === undefined) throw new AppError('unknown_exchange', `there is no exchange ${exchange}`)
  return region
}
