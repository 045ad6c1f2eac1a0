import { z } from 'zod'
import { AppError } from './errors.ts'
import { instrumentKinds } from './instrument.ts'
import { changeThresholds, DEFAULT_THRESHOLDS, type Thresholds, thresholdsSchema } from './quality/thresholds.ts'

const HOUR_MS = 3_600_000

/** The settings of a deployment, as `wrangler.toml` and secrets give them: all text. */
export interface Settings {
  readonly EXCHANGE_HOSTS: string
  readonly LOADER_REGIONS: string
  readonly RATE_BUDGET_SHARE: string
  readonly EDGE_CACHE: string
  readonly STREAMS: string
  readonly STREAM_HOSTS: string
  readonly FEED_CLIENTS: string
  readonly FEED_TOPICS: string
  readonly FEED_BOOKS: string
  readonly RELAYS: string
  readonly RELAY_CLIENTS: string
  readonly TRADE_RETENTION_HOURS: string
  readonly QUALITY: string
  readonly ENVIRONMENT: string
  /** A secret; without it every writing call is refused. */
  readonly ADMIN_TOKEN?: string | undefined
  /** `SCALE@EPOCH`: tests and the demo run their clock SCALE times as fast as real time, counted from EPOCH (ms UTC). */
  readonly TIME_SCALE?: string | undefined
}

const hosts = z.record(z.string(), z.partialRecord(z.enum(instrumentKinds), z.url()))
const regions = z.record(z.string(), z.enum(['wnam', 'enam', 'sam', 'weur', 'eeur', 'apac', 'oc', 'afr', 'me']))
const streamHosts = z.record(z.string(), z.record(z.string(), z.url()))
const share = z.coerce.number().gt(0).max(1)
const isOn = z.enum(['on', 'off']).transform((value) => value === 'on')
/** https://developers.cloudflare.com/durable-objects/api/state/#acceptwebsocket: an object holds no more sockets. */
const clients = z.coerce.number().int().min(1).max(32_768)
const feedTopics = z.coerce.number().int().min(1).max(10_000)
const relays = z.coerce.number().int().min(1).max(1_000)
const retentionHours = z.coerce
  .number()
  .gt(0)
  .max(24 * 366)
const timeScale = z.templateLiteral([z.number().positive(), '@', z.int().nonnegative()])

export interface Config {
  /** Base URLs that replace an exchange's own, by exchange and kind. */
  readonly hosts: z.infer<typeof hosts>
  /** Location hints that replace an exchange's own, by exchange. */
  readonly regions: z.infer<typeof regions>
  readonly rateBudgetShare: number
  readonly edgeCache: boolean
  /** Whether feeds start by themselves; otherwise only when they are told to. */
  readonly streams: boolean
  /** Origins that replace those of an exchange's streams, by exchange and the endpoint's name. */
  readonly streamHosts: z.infer<typeof streamHosts>
  /** The most clients that a feed serves itself: beyond, it points to the relays. */
  readonly feedClients: number
  /** The most topics that a feed follows for clients and for the database together, and the most books among them. */
  readonly feedTopics: number
  readonly feedBooks: number
  /** How many relays stand in each region. */
  readonly relays: number
  /** The most clients that each of them serves. */
  readonly relayClients: number
  readonly tradeRetentionMs: number
  /** From what size on the checks of quality find something. */
  readonly quality: Thresholds
  readonly adminToken: string | undefined
  /** How simulated time runs; `scale` 1 from epoch 0 is real time. */
  readonly time: { readonly scale: number; readonly epoch: number }
}

/** @throws AppError `misconfigured`, naming the setting */
export function parseConfig(settings: Settings): Config {
  return {
    hosts: parseSetting('EXCHANGE_HOSTS', hosts, parseJson(settings.EXCHANGE_HOSTS)),
    regions: parseSetting('LOADER_REGIONS', regions, parseJson(settings.LOADER_REGIONS)),
    rateBudgetShare: parseSetting('RATE_BUDGET_SHARE', share, settings.RATE_BUDGET_SHARE),
    edgeCache: parseSetting('EDGE_CACHE', isOn, settings.EDGE_CACHE),
    streams: parseSetting('STREAMS', isOn, settings.STREAMS),
    streamHosts: parseSetting('STREAM_HOSTS', streamHosts, parseJson(settings.STREAM_HOSTS)),
    feedClients: parseSetting('FEED_CLIENTS', clients, settings.FEED_CLIENTS),
    feedTopics: parseSetting('FEED_TOPICS', feedTopics, settings.FEED_TOPICS),
    feedBooks: parseSetting('FEED_BOOKS', feedTopics, settings.FEED_BOOKS),
    relays: parseSetting('RELAYS', relays, settings.RELAYS),
    relayClients: parseSetting('RELAY_CLIENTS', clients, settings.RELAY_CLIENTS),
    tradeRetentionMs: parseSetting('TRADE_RETENTION_HOURS', retentionHours, settings.TRADE_RETENTION_HOURS) * HOUR_MS,
    quality: changeThresholds(
      DEFAULT_THRESHOLDS,
      parseSetting('QUALITY', thresholdsSchema, parseJson(settings.QUALITY)),
    ),
    // An empty secret is none: it must not open what it was to guard.
    adminToken: settings.ADMIN_TOKEN?.trim() || undefined,
    time: parseTime(settings),
  }
}

function parseTime({ TIME_SCALE, ENVIRONMENT }: Settings): Config['time'] {
  if (TIME_SCALE === undefined) return { scale: 1, epoch: 0 }
  if (ENVIRONMENT === 'production') {
    throw new AppError('misconfigured', 'TIME_SCALE is for tests and the demo: a deployed worker refuses it')
  }
  const [scale = '', epoch = ''] = parseSetting('TIME_SCALE', timeScale, TIME_SCALE).split('@')
  return { scale: Number(scale), epoch: Number(epoch) }
}

function parseSetting<T>(name: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new AppError('misconfigured', `${name}: ${z.prettifyError(result.error)}`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
