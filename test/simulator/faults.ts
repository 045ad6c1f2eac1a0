/** What can go wrong on demand: the faults of `POST /_control` and which of them meets a request. */

import { z } from 'zod'
import { STREAM_CHANNELS, type Target } from './protocol.ts'

const time = z.int().nonnegative()

/** Which requests or frames a fault meets, and for how long; without any of it, all of them until it is cleared. */
const scope = {
  /** A regular expression on the path; of a frame, on the exchange's name of its topic; of a socket, on its path. */
  path: z.string().refine(isPattern, 'not a regular expression').optional(),
  symbol: z.string().optional(),
  /** Our names: 1m, 1h, 1d, ... */
  interval: z.string().optional(),
  /** Which market: at Binance that is a host of its own. */
  host: z.enum(['spot', 'perpetual']).optional(),
  /** So many answers or frames. */
  times: z.int().positive().optional(),
  /** So long, in simulated ms. */
  forMs: z.number().positive().optional(),
}
/** For faults of frames: which topics, by our name. `control`: upgrades, acks, errors, pongs. */
const streamScope = { ...scope, channel: z.enum(STREAM_CHANNELS).optional() }
/** For faults that requests and streams have in common: requests, unless it says `stream`. */
const eitherScope = { ...streamScope, on: z.enum(['rest', 'stream']).default('rest') }
/** Whether it waits for the next frame of data that it meets, of whatever socket, and sends the end instead of that. */
const atFrame = { atFrame: z.boolean().default(false) }
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
  /** Answers with a status; without a body, with the exchange's own for it. On the stream: to the upgrade. */
  z.strictObject({
    type: z.literal('status'),
    status: z.int().min(200).max(599),
    body: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
    headers: z.record(z.string(), z.string()).optional(),
    retryAfterSeconds: z.int().nonnegative().optional(),
    ...eitherScope,
  }),
  /** Refuses this client's region, as the exchange does it: requests and upgrades alike. */
  z.strictObject({ type: z.literal('geo-block'), ...scope }),
  /** Answers late, by simulated ms. On the stream: acks, errors and pongs; the data does not wait for them. */
  z.strictObject({ type: z.literal('delay'), ms: z.number().positive(), ...eitherScope }),
  /** Never answers. On the stream: upgrades. */
  z.strictObject({ type: z.literal('hang'), ...eitherScope }),
  /** Sends the first part of the body or of a frame of data only, complete as far as HTTP or WebSocket can tell. */
  z.strictObject({ type: z.literal('truncate'), share: z.number().min(0).max(1).default(0.5), ...eitherScope }),
  /** Sends nonsense instead of a body or of a frame of data. */
  z.strictObject({ type: z.literal('garbage'), ...eitherScope }),
  /** Sends a page's rows in a wrong order; a frame of data after the one of its topic that follows it. */
  z.strictObject({ type: z.literal('reorder'), ...eitherScope }),
  /** Sends some of a page's rows, or a frame of data, twice. */
  z.strictObject({ type: z.literal('duplicate'), ...eitherScope }),
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
  /**
   * Sends a book that is not so: the third bid has another size, or the whole is half a minute old. On the stream: the
   * snapshots with which a subscription begins.
   */
  z.strictObject({ type: z.literal('wrong-snapshot'), how: z.enum(['level', 'old']).default('level'), ...eitherScope }),
  /*
   * The next four meet what exists when they are added: sockets, or (with a symbol, a channel or an interval) the
   * sockets that are subscribed to it, at most so many as `times` says. With `forMs` they meet those opened or
   * subscribed in that time, too.
   */
  /** Destroys sockets, without a closing handshake. */
  z.strictObject({ type: z.literal('drop'), ...atFrame, ...streamScope }),
  /** Ends sockets as the exchange does at their maximum age, unless another code is given. */
  z.strictObject({
    type: z.literal('close'),
    code: z.int().min(1000).max(4999).default(1001),
    reason: z.string().default(''),
    ...atFrame,
    ...streamScope,
  }),
  /** Says that it will end sockets, as the exchange does before maintenance, and does so after a while, simulated ms. */
  z.strictObject({
    type: z.literal('announce-close'),
    afterMs: z.number().positive().default(30_000),
    code: z.int().min(1000).max(4999).default(1001),
    ...streamScope,
  }),
  /** Sends nothing any more, not even pings, over sockets that stay open; with a symbol, a channel or an interval: those topics. */
  z.strictObject({ type: z.literal('silence'), ...streamScope }),
  /** Resets TCP connections that ask for an upgrade. */
  z.strictObject({ type: z.literal('refuse'), ...scope }),
  /** Leaves frames of data out. */
  z.strictObject({ type: z.literal('skip'), ...streamScope }),
  /** Refuses to subscribe to topics. */
  z.strictObject({ type: z.literal('reject'), ...streamScope }),
  /** Puts a bid above the best ask into book updates; nothing takes it back. */
  z.strictObject({ type: z.literal('crossed'), ...scope }),
  /** Numbers a book anew: Bybit sends a snapshot with `u = 1`, OKX lets `seqId` fall. */
  z.strictObject({ type: z.literal('restart'), ...scope }),
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

export interface MatchingFault<Type extends FaultType> {
  readonly id: number
  readonly fault: FaultOf<Type>
  /** Counts it as served. */
  spend(): void
}

export class FaultBoard {
  #faults: ActiveFault[] = []
  #nextId = 1
  /** How often each status was answered because a fault said so. */
  readonly injected = new Map<number, number>()

  /** Whether there is nothing to look for. */
  get isEmpty(): boolean {
    return this.#faults.length === 0
  }

  /** The id of the newest fault so far: what came to be before a fault has a lower mark than its id. */
  get mark(): number {
    return this.#nextId - 1
  }

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
  matching<Type extends FaultType>(type: Type, target: Target, now: number): MatchingFault<Type>[] {
    if (this.#faults.length === 0) return []
    return this.list(now).flatMap((active) => {
      const { fault } = active
      return isOfType(fault, type) && meets(fault, target)
        ? [{ id: active.id, fault, spend: () => this.#spend(active) }]
        : []
    })
  }

  /**
   * The first of one type that meets something which lasts (a socket, a subscription) and did not exist yet, unless it
   * says for how long it is in force.
   *
   * @param mark the board's when that came to be
   */
  standing<Type extends FaultType>(type: Type, target: Target, now: number, mark: number) {
    if (this.#faults.length === 0) return undefined
    const isAtFrame = (fault: Fault): boolean => 'atFrame' in fault && fault.atFrame
    return this.matching(type, target, now).find(
      ({ id, fault }) => !isAtFrame(fault) && (id > mark || 'forMs' in fault),
    )
  }

  /** The first of one type that meets a request, counted as served. */
  take<Type extends FaultType>(type: Type, target: Target, now: number): FaultOf<Type> | undefined {
    const [first] = this.matching(type, target, now)
    first?.spend()
    return first?.fault
  }

  /** The first that ends a socket instead of a frame, counted as served. */
  takeEnd(target: Target, now: number): FaultOf<'drop' | 'close'> | undefined {
    const found = [...this.matching('drop', target, now), ...this.matching('close', target, now)]
    const end = found.find(({ fault }) => fault.atFrame)
    end?.spend()
    return end?.fault
  }

  #spend(active: ActiveFault): void {
    active.served++
    if (active.left !== null) active.left--
    const { fault } = active
    if (fault.type === 'status') this.injected.set(fault.status, (this.injected.get(fault.status) ?? 0) + 1)
  }

  /** Whether any fault of these types is in force at all: the quick way out for pages of candles. */
  has(types: readonly FaultType[], now: number): boolean {
    return this.#faults.length > 0 && this.list(now).some(({ fault }) => types.includes(fault.type))
  }
}

const isOfType = <Type extends FaultType>(fault: Fault, type: Type): fault is FaultOf<Type> => fault.type === type

/** Faults of the stream alone; those that have `on` say so themselves, and a block of a region is one for all. */
const STREAM_ONLY: readonly FaultType[] = [
  'drop',
  'close',
  'announce-close',
  'silence',
  'refuse',
  'skip',
  'reject',
  'crossed',
  'restart',
]

const isOnSide = (fault: Fault, target: Target): boolean => {
  if (fault.type === 'geo-block') return true
  const isStreamFault = 'on' in fault ? fault.on === 'stream' : STREAM_ONLY.includes(fault.type)
  return isStreamFault === (target.channel !== undefined)
}

const meets = (fault: Fault, target: Target): boolean =>
  isOnSide(fault, target) &&
  (fault.symbol === undefined || fault.symbol === target.symbol) &&
  (!('channel' in fault) || fault.channel === undefined || fault.channel === target.channel) &&
  (!('interval' in fault) || fault.interval === undefined || fault.interval === target.interval) &&
  (fault.host === undefined || target.host === 'all' || fault.host === target.host) &&
  (!('path' in fault) || fault.path === undefined || new RegExp(fault.path).test(target.path))
