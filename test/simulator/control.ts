/** `POST /_control`: faults in and out, listings, limits; `GET /_control`: what is in force, what was asked so far, who listens. */

import { z } from 'zod'
import type { ExchangeName } from './catalogue.ts'
import type { ExchangeState } from './exchange-state.ts'
import { type Fault, faultSchema } from './faults.ts'
import { type ExchangeHost, json, Refusal, type Reply } from './protocol.ts'
import type { StreamHub } from './ws/hub.ts'

const kind = z.enum(['spot', 'perpetual']).default('spot')
const at = z.int().nonnegative().optional()

const controlSchema = z
  .strictObject({
    /** Everything as it was at the start: no faults, no bans, full budgets, the catalogue, counters at zero. */
    reset: z.literal(true),
    /** Rate limits on or off. */
    limits: z.boolean(),
    /** Ends every socket at this age (simulated ms), as the exchange does at its own; until a reset. */
    maxAgeMs: z.number().positive(),
    fault: faultSchema,
    /** The id of one fault, or all of them. */
    clear: z.union([z.literal('all'), z.int().positive()]),
    /** Bans an address (the caller's, unless named) as after abuse. */
    ban: z.strictObject({
      forMs: z.number().positive(),
      host: z.enum(['spot', 'perpetual']).optional(),
      client: z.string().optional(),
    }),
    /** Ends trading at a simulated time, now without one. */
    delist: z.strictObject({ symbol: z.string(), kind, at }),
    /** Starts trading of a new asset. */
    list: z.strictObject({ base: z.string().min(1), quote: z.string().min(1).default('USDT'), kind, at }),
  })
  .partial()
  .refine((control) => Object.keys(control).length > 0, 'nothing to do')

/** As many as the tests look back at. */
const KEPT_UPGRADES = 100

/** Requests as the hosts of one exchange have seen them; the control and truth paths do not count. */
export class Counters {
  readonly requests: Record<string, number> = {}
  readonly statuses: Record<string, number> = {}
  /** The newest requests to open a socket; `null`: not answered. */
  readonly upgrades: { readonly path: string; readonly at: number; readonly status: number | null }[] = []
  inFlight = 0
  maxInFlight = 0

  begin(path: string): void {
    this.requests[path] = (this.requests[path] ?? 0) + 1
    this.inFlight++
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight)
  }

  end(status: number | null): void {
    this.inFlight--
    const name = status === null ? 'unanswered' : String(status)
    this.statuses[name] = (this.statuses[name] ?? 0) + 1
  }

  /** One to open a socket. @param at ms UTC */
  upgraded(path: string, at: number, status: number | null): void {
    this.end(status)
    this.upgrades.push({ path, at, status })
    if (this.upgrades.length > KEPT_UPGRADES) this.upgrades.shift()
  }

  reset(): void {
    this.upgrades.length = 0
    for (const counts of [this.requests, this.statuses]) for (const name of Object.keys(counts)) delete counts[name]
    this.maxInFlight = this.inFlight
  }
}

/** What is in force on an exchange. */
export const describeControl = (state: ExchangeState, hub: StreamHub, counters: Counters): Reply => {
  const now = state.now()
  const { requests, statuses, upgrades, inFlight, maxInFlight } = counters
  return json({
    exchange: state.exchange,
    now,
    limits: state.limitsEnabled,
    faults: state.faults
      .list(now)
      .map(({ id, fault, left, served, expiresAt }) => ({ id, ...fault, left, served, expiresAt })),
    requests,
    statuses,
    upgrades,
    injected: Object.fromEntries(state.faults.injected),
    inFlight,
    maxInFlight,
    streams: hub.describe(),
  })
}

/**
 * Applies a control body.
 *
 * @returns 200 with the id of the fault, if one was added
 * @throws {Refusal} with 400 and what is wrong
 */
export const applyControl = (
  state: ExchangeState,
  hosts: readonly ExchangeHost[],
  hub: StreamHub,
  counters: Counters,
  body: string,
  client: string,
): Reply => {
  const control = parseControl(body)
  const now = state.now()
  if (control.reset) {
    state.reset()
    counters.reset()
    for (const limited of [...hosts, hub]) limited.forgetLimits()
    hub.endAt(undefined)
  }
  if (control.maxAgeMs !== undefined) hub.endAt(control.maxAgeMs)
  if (control.limits !== undefined) {
    state.limitsEnabled = control.limits
    for (const limited of [...hosts, hub]) limited.forgetLimits()
  }
  if (control.clear !== undefined && !state.faults.clear(control.clear === 'all' ? undefined : control.clear)) {
    throw new Refusal(json({ error: `no fault ${control.clear}` }, 400))
  }
  const { ban, delist, list } = control
  if (ban) {
    const banned = hosts.filter(({ host }) => ban.host === undefined || host === 'all' || host === ban.host)
    for (const host of banned) host.ban(ban.client ?? client, now + ban.forMs)
  }
  if (delist) {
    const instrument = state.listings.find(delist.kind, delist.symbol, now)
    if (!instrument) throw new Refusal(json({ error: `no ${delist.kind} instrument ${delist.symbol}` }, 400))
    state.listings.delist(instrument, delist.at ?? now)
  }
  if (list && !state.listings.list(list.kind, list.base, list.quote, list.at ?? now)) {
    throw new Refusal(json({ error: `${state.exchange} has no ${list.kind} instruments` }, 400))
  }
  const why = control.fault && uselessness(state, control.fault, now)
  if (why !== undefined) throw new Refusal(json({ error: why }, 400))
  const id = control.fault ? state.faults.add(control.fault, now) : undefined
  state.applyRevisions()
  return json({ ok: true, ...(id === undefined ? {} : { id }) })
}

/** Where books are numbered anew, and where sockets are said to end soon. */
const NUMBERED_ANEW: readonly ExchangeName[] = ['okx', 'bybit']
const ANNOUNCED: readonly ExchangeName[] = ['binance', 'okx']

/** Why a fault could never meet anything on this exchange; undefined where it can. */
const uselessness = ({ exchange, listings }: ExchangeState, fault: Fault, now: number): string | undefined => {
  if (fault.type === 'restart' && !NUMBERED_ANEW.includes(exchange))
    return `books of ${exchange} are never numbered anew`
  if (fault.type === 'announce-close' && !ANNOUNCED.includes(exchange))
    return `${exchange} announces no end of a socket`
  if (fault.type === 'wrong-snapshot' && fault.on === 'stream' && exchange === 'binance') {
    return 'books of binance do not begin with a snapshot on the stream'
  }
  if ('channel' in fault && fault.channel === 'candles' && exchange === 'coinbase') return 'coinbase streams no candles'
  const kinds = (['spot', 'perpetual'] as const).filter((each) => fault.host === undefined || each === fault.host)
  if (kinds.every((each) => listings.all(each, now).length === 0)) return `${exchange} has no ${fault.host} instruments`
  const { symbol } = fault
  const isListed = symbol === undefined || kinds.some((each) => listings.find(each, symbol, now) !== undefined)
  return isListed ? undefined : `${exchange} has no instrument ${symbol}`
}

const parseControl = (body: string): z.infer<typeof controlSchema> => {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    throw new Refusal(json({ error: 'the body is not JSON' }, 400))
  }
  const parsed = controlSchema.safeParse(value)
  if (!parsed.success) throw new Refusal(json({ error: z.prettifyError(parsed.error) }, 400))
  return parsed.data
}
