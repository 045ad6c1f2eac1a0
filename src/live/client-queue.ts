import { Conflation } from './conflation.ts'
import type { FlushPace } from './flush-pace.ts'
import { keyOfMessage } from './messages.ts'
import { pingMessage, slowMessage } from './replies.ts'
import { SlowWatch } from './slow-watch.ts'

/** A frame goes out at once when it has grown to this. */
const MAX_FRAME_MESSAGES = 100
const MAX_FRAME_CHARACTERS = 64 * 1_024
/** How seldom a slow client gets what can be merged. */
const SLOW_CONFLATE_MS = 1_000
/** Trades may use up `maxMessagesPerSecond` by themselves: what can be merged still gets one message in this time. */
const MAX_WAIT_MS = 1_000
/** A stream of events that is quiet for so long gets a comment, so that nothing on the way takes it for dead. */
const KEEP_ALIVE_MS = 15_000
/** The ids of pings are below: no client can guess one. */
const MAX_PING_ID = 2 ** 31

/** Where the frames of a client go: a WebSocket, or a stream of events. */
export interface ClientSocket {
  /** May throw where the socket is gone. */
  send(text: string): void
  close(code: number, reason: string): void
  /** Where the socket itself knows what its reader has not taken yet: then it gets no pings. */
  readonly buffer?: { unsent(): number; keepAlive(): void }
}

/** What a client has asked for by `configure`; `null`: no such limit. */
export interface ClientSettings {
  readonly conflateMs: number | null
  readonly maxMessagesPerSecond: number | null
}

export const NO_LIMITS: ClientSettings = { conflateMs: null, maxMessagesPerSecond: null }

export interface QueueContext {
  readonly pace: FlushPace
  /** ms of the caller's clock in a real one. */
  readonly timeScale: number
  /** Chance for the ids of pings: one who does not read must not be able to answer them. As `Math.random`. */
  readonly random: () => number
  /** The present state of a topic, where it can be had at once. */
  readonly stateOf: (key: string) => string | undefined
  /** Told of each book whose updates begin to wait: its state may be asked for. */
  readonly merging?: ((key: string) => void) | undefined
}

/** The messages that wait for one client, and how fast it takes them. Times are ms by the clock of the caller. */
export class ClientQueue {
  readonly #socket: ClientSocket
  readonly #context: QueueContext
  readonly #watch: SlowWatch
  #settings: ClientSettings
  #pending: string[] = []
  #characters = 0
  /** Messages that are merged before they are pending; `null` where the client gets every one. */
  #conflation: Conflation | null = null
  #isSlow = false
  #isOpen = true
  #now: number
  #sentAt: number
  /** When merged messages went out last. */
  #takenAt = Number.NEGATIVE_INFINITY
  /** How many more may, by `maxMessagesPerSecond`. */
  #room = 1
  #refilledAt: number

  constructor(socket: ClientSocket, context: QueueContext, settings: ClientSettings, isInternal: boolean, now: number) {
    this.#socket = socket
    this.#context = context
    this.#watch = new SlowWatch(now, isInternal, context.timeScale)
    this.#now = now
    this.#sentAt = now
    this.#refilledAt = now
    this.#settings = settings
    this.#updateMode()
  }

  get settings(): ClientSettings {
    return this.#settings
  }

  /** Whether its socket still takes frames. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Whether it has been told so, and gets what can be merged seldom. */
  get isSlow(): boolean {
    return this.#isSlow
  }

  /** Counts as slow until it has caught up, whatever it holds now. */
  slowDown(): void {
    this.#watch.slowDown()
  }

  /** Characters that stand in memory because the client does not take them. */
  get held(): number {
    return this.#watch.held + this.#waiting
  }

  /** Characters that were sent and may be unread. */
  get unacknowledged(): number {
    return this.#watch.unacknowledged
  }

  /** Those, and what waits to be sent. */
  get load(): number {
    return this.#watch.unacknowledged + this.#waiting
  }

  /** Since when the client has owed an answer; `Infinity` where it owes none. */
  get behindSince(): number {
    return this.#watch.behindSince
  }

  /** Whether it has owed it for so long that it may not read at all. */
  isOverdue(now: number): boolean {
    return this.#watch.isOverdue(now)
  }

  /** One message of a topic. */
  push(message: string, key: string): void {
    if (this.#conflation !== null) {
      this.#conflation.add(message, key)
      return
    }
    this.#enqueue(message)
    if (this.#isFrameFull()) this.#send()
  }

  /**
   * Messages that belong together: where nothing is merged they share a frame. The client has asked for them, and may ask
   * for many before the next flush, so it is judged here, too.
   */
  append(...messages: readonly string[]): void {
    for (const message of messages) {
      if (this.#conflation !== null) this.#conflation.add(message, keyOfMessage(message) ?? null)
      else this.#enqueue(message)
    }
    if (this.#isFrameFull()) this.#send()
    if (this.#isOpen) this.#judge()
  }

  configure(settings: ClientSettings): void {
    this.#settings = settings
    this.#updateMode()
  }

  /** What waits of a topic goes out ahead of what is said about it from now on. */
  seal(key: string): void {
    this.#conflation?.seal(key)
  }

  /** @returns whether it answers a ping that is open */
  ponged(id: number): boolean {
    return this.#watch.ponged(id)
  }

  /**
   * Sends what is due, judges how the client follows, and closes it where it does not.
   * @param isCrowded clients together have much unacknowledged: it is asked sooner what it has read
   */
  flush(now: number, isCrowded = false): void {
    this.#now = now
    if (!this.#isOpen) return
    this.#judge()
    if (!this.#isOpen) return
    if (this.#conflation !== null) this.#takeMerged(this.#conflation)
    const { buffer } = this.#socket
    if (this.#pending.length > 0 || (buffer === undefined && this.#watch.isPingDue(now, 0, isCrowded)))
      this.#send(isCrowded)
    else if (buffer !== undefined && now - this.#sentAt >= KEEP_ALIVE_MS * this.#context.timeScale) {
      buffer.keepAlive()
      this.#sentAt = now
    }
  }

  /** When {@link flush} has something to do, should nothing happen before. */
  get wakeAt(): number {
    const quietAt =
      this.#socket.buffer === undefined ? this.#watch.pingAt : this.#sentAt + KEEP_ALIVE_MS * this.#context.timeScale
    return this.#conflation?.isMerging === true ? Math.min(quietAt, this.#takeAt) : quietAt
  }

  /** Sends what is pending and ends the connection. */
  close(code: number, reason: string): void {
    if (this.#isOpen && this.#pending.length > 0) this.#send()
    if (!this.#isOpen) return
    this.#isOpen = false
    try {
      this.#socket.close(code, reason)
    } catch {
      // It has ended by itself.
    }
  }

  /** Ends the connection of a client that does not follow; what is pending is not sent. */
  giveUp(): void {
    this.#pending = []
    this.#characters = 0
    const isPinged = this.#socket.buffer === undefined
    this.close(1008, isPinged ? 'too slow: answer each ping with {"op":"pong","id":...}' : 'too slow')
  }

  /** Characters that are held back and not sent yet. */
  get #waiting(): number {
    return this.#characters + (this.#conflation?.characters ?? 0)
  }

  #judge(): void {
    if (this.#socket.buffer !== undefined) this.#watch.left(this.#socket.buffer.unsent(), this.#now)
    const delivery = this.#watch.judge(this.#now, this.#waiting)
    if (delivery === 'lost') {
      this.giveUp()
      return
    }
    if ((delivery === 'slow') === this.#isSlow) return
    this.#isSlow = delivery === 'slow'
    if (this.#isSlow) this.append(slowMessage(true, this.#watch.unacknowledged))
    this.#updateMode()
    if (!this.#isSlow) this.append(slowMessage(false, this.#watch.unacknowledged))
  }

  #updateMode(): void {
    const { conflateMs, maxMessagesPerSecond } = this.#settings
    const isConflated = this.#isSlow || conflateMs !== null || maxMessagesPerSecond !== null
    if (isConflated === (this.#conflation !== null)) return
    if (this.#conflation === null) {
      this.#conflation = new Conflation(this.#context.stateOf, this.#context.merging)
      return
    }
    const merged = this.#conflation.take(Number.POSITIVE_INFINITY)
    this.#conflation = null
    this.append(...merged)
  }

  /** When what can be merged may go out. */
  get #takeAt(): number {
    const { conflateMs, maxMessagesPerSecond: rate } = this.#settings
    const at = this.#takenAt + Math.max(conflateMs ?? 0, this.#isSlow ? SLOW_CONFLATE_MS : 0)
    if (rate === null) return at
    const refilledAt = this.#refilledAt + (1 - this.#room) * (1_000 / rate)
    return Math.max(at, Math.min(refilledAt, this.#takenAt + MAX_WAIT_MS))
  }

  #takeMerged(conflation: Conflation): void {
    const isDue = this.#now >= this.#takeAt
    const rate = this.#settings.maxMessagesPerSecond
    if (rate !== null) {
      // A tenth of a second may be saved up: frames come in steps of that size.
      const refilled = this.#room + ((this.#now - this.#refilledAt) * rate) / 1_000
      this.#room = Math.min(Math.max(1, rate / 10), refilled)
      this.#refilledAt = this.#now
    }
    const room = rate === null ? Number.POSITIVE_INFINITY : Math.max(1, this.#room)
    if (isDue && conflation.isMerging) this.#takenAt = this.#now
    const messages = conflation.take(isDue ? room : 0)
    // What may not be held back counts too, up to a second's worth.
    if (rate !== null) this.#room = Math.max(-rate, this.#room - messages.length)
    for (const message of messages) {
      this.#enqueue(message)
      if (this.#isFrameFull()) this.#send()
    }
  }

  #enqueue(message: string): void {
    this.#pending.push(message)
    this.#characters += message.length
  }

  #isFrameFull(): boolean {
    return this.#pending.length >= MAX_FRAME_MESSAGES || this.#characters >= MAX_FRAME_CHARACTERS
  }

  #send(isCrowded = false): void {
    if (!this.#isOpen) {
      this.#pending = []
      this.#characters = 0
      return
    }
    const isPinged = this.#socket.buffer === undefined
    const isPingDue = isPinged && this.#watch.isPingDue(this.#now, this.#characters, isCrowded)
    const pingId = isPingDue ? Math.floor(this.#context.random() * MAX_PING_ID) : null
    if (pingId !== null) this.#pending.push(pingMessage(pingId))
    const frame = `[${this.#pending.join(',')}]`
    this.#pending = []
    this.#characters = 0
    try {
      this.#socket.send(frame)
    } catch {
      this.#isOpen = false
      return
    }
    this.#sentAt = this.#now
    this.#context.pace.sent(frame.length)
    this.#watch.sent(frame.length)
    if (pingId !== null) this.#watch.pinged(pingId, this.#now)
  }
}
