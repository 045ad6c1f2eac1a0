/** What can go wrong on demand: the faults of `POST /_control` and which of them meets a request. */

import { z } from 'zod'
import type { Target } from './protocol.ts'

const time = z.int().nonnegative()

/** Which requests a fault meets, and for how long; without any of it, all of them until it is cleared. */
const scope = {
  /** A regular expression on the path. */
  path: z.string().refine(isPattern, 'not a regular expression').optional(),
  symbol: z.string().optional(),
  /** Our names: 1m, 1h, 1d, ... */
  interval: z.string().optional(),
  /** Which market: at Binance that is a host of its own. */
  host: z.enum(['spot', 'perpetual']).optional(),
  /** So many answers. */
  times: z.int().positive().optional(),
  /** So long, in simulated ms. */
  forMs: z.number().positive().optional(),
}
/** A window of open times, ms UTC, half-open. */
const window = { start: time, end: time }

function isPattern(text: string): boolean {
  try {
    new RegExp(text)
    return true
  } catch {
    return false
  }
}

export const faultSchema = z.discriminatedUnion('type', [
  /** Answers with a status; without a body, with the exchange's own for it. */
  z.strictObject({
    type: z.literal('status'),
    status: z.int().min(200).max(599),
    body: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
    headers: z.record(z.string(), z.string()).optional(),
    retryAfterSeconds: z.int().nonnegative().optional(),
    ...scope,
  }),
  /** Refuses this client's region, as the exchange does it. */
  z.strictObject({ type: z.literal('geo-block'), ...scope }),
  /** Answers late, by simulated ms. */
  z.strictObject({ type: z.literal('delay'), ms: z.number().positive(), ...scope }),
  /** Never answers. */
  z.strictObject({ type: z.literal('hang'), ...scope }),
  /** Sends the first part of the body only, complete as far as HTTP can tell. */
  z.strictObject({ type: z.literal('truncate'), share: z.number().min(0).max(1).default(0.5), ...scope }),
  z.strictObject({ type: z.literal('garbage'), ...scope }),
  /** Sends a page's rows in a wrong order. */
  z.strictObject({ type: z.literal('reorder'), ...scope }),
  /** Sends some of a page's rows twice. */
  z.strictObject({ type: z.literal('duplicate'), ...scope }),
  /** Leaves candles out until a simulated time, or until cleared; for ever, so that the truth counts them as empty. */
  z.strictObject({
    type: z.literal('missing'),
    ...window,
    until: time.optional(),
    permanent: z.boolean().default(false),
    ...scope,
  }),
  /** Closed 1m candles have other values from now on, and longer ones follow. */
  z.strictObject({ type: z.literal('revise'), symbol: z.string(), ...window, host: scope.host }),
  /** Sends candles that cannot be. */
  z.strictObject({
    type: z.literal('invalid'),
    ...window,
    how: z.enum(['high-below-low', 'negative-volume', 'open-above-high']).default('high-below-low'),
    ...scope,
  }),
])
export type Fault = z.infer<typeof faultSchema>
export type FaultType = Fault['type']
export type FaultOf<Type extends FaultType> = Extract<Fault, { type: Type }>

export interface ActiveFault {
  readonly id: number
  readonly fault: Fault
  readonly expiresAt: number | null
  left: number | null
  served: number
}

export class FaultBoard {
  #faults: ActiveFault[] = []
  #nextId = 1

  /** @returns the id by which it can be cleared */
  add(fault: Fault, now: number): number {
    const id = this.#nextId++
    const { times = null, forMs = null } = fault.type === 'revise' ? {} : fault
    this.#faults.push({ id, fault, expiresAt: forMs === null ? null : now + forMs, left: times, served: 0 })
    return id
  }

  /** Clears one fault, or all. @returns whether there was such a fault */
  clear(id?: number): boolean {
    const before = this.#faults.length
    this.#faults = id === undefined ? [] : this.#faults.filter((active) => active.id !== id)
    return this.#faults.length < before || id === undefined
  }

  /** The faults in force. */
  list(now: number): readonly ActiveFault[] {
    if (this.#faults.length > 0) {
      this.#faults = this.#faults.filter(({ expiresAt, left }) => (expiresAt === null || now < expiresAt) && left !== 0)
    }
    return this.#faults
  }

  /** Those of one type that meet a request, unspent. */
  matching<Type extends FaultType>(type: Type, target: Target, now: number): { fault: FaultOf<Type>; spend(): void }[] {
    if (this.#faults.length === 0) return []
    return this.list(now).flatMap((active) => {
      const { fault } = active
      return isOfType(fault, type) && meets(fault, target) ? [{ fault, spend: () => spendOne(active) }] : []
    })
  }

  /** The first of one type that meets a request, counted as served. */
  take<Type extends FaultType>(type: Type, target: Target, now: number): FaultOf<Type> | undefined {
    const [first] = this.matching(type, target, now)
    first?.spend()
    return first?.fault
  }

  /** Whether any fault of these types is in force at all: the quick way out for pages of candles. */
  has(types: readonly FaultType[], now: number): boolean {
    return this.#faults.length > 0 && this.list(now).some(({ fault }) => types.includes(fault.type))
  }
}

const spendOne = (active: ActiveFault): void => {
  active.served++
  if (active.left !== null) active.left--
}

const isOfType = <Type extends FaultType>(fault: Fault, type: Type): fault is FaultOf<Type> => fault.type === type

const meets = (fault: Fault, target: Target): boolean =>
  (fault.symbol === undefined || fault.symbol === target.symbol) &&
  (!('interval' in fault) || fault.interval === undefined || fault.interval === target.interval) &&
  (fault.host === undefined || target.host === 'all' || fault.host === target.host) &&
  (!('path' in fault) || fault.path === undefined || new RegExp(fault.path).test(target.path))
