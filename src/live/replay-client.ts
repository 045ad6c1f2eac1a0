import type { Clock } from '../domain/clock.ts'
import type { ErrorCode } from '../domain/errors.ts'
import {
  type InvalidCommand,
  MAX_COMMAND_CHARACTERS,
  type RequestId,
  readCommand,
  readTopic,
  type StreamCommand,
  type StreamErrorCode,
  type TopicReading,
} from '../domain/stream-command.ts'
import { topicKey } from '../domain/topic.ts'
import { configured } from './client-commands.ts'
import { type ClientSocket, NO_LIMITS } from './client-queue.ts'
import { CommandLimit } from './command-limit.ts'
import type { Replay } from './replay.ts'
import {
  configuredMessage,
  errorMessage,
  pingMessage,
  pongMessage,
  subscriptionsMessage,
  unsubscribedMessage,
} from './replies.ts'
import { SlowWatch } from './slow-watch.ts'

/** What a client has not acknowledged may be so much: the rest waits in the database. */
const MAX_UNACKNOWLEDGED = 1_024 * 1_024
/** Real ms. */
const PATIENCE_MS = 30_000
const TOO_LONG: InvalidCommand = { op: 'invalid', id: null, detail: 'a command is text of at most 16 kB' }

export interface ReplayClientOptions {
  readonly exchange: string
  readonly symbol: string
  /** What else clients may call the symbol. */
  readonly aliases: ReadonlySet<string>
  readonly clock: Clock
  /** One that no client can guess. */
  readonly newPingId: () => number
  /** Waits so many real ms, or until the signal. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** Called once, when nothing more is to be read or sent. */
  readonly onEnd: () => void
  /** What a client may know of a failure. */
  readonly describeFailure: (error: unknown) => { readonly code: ErrorCode; readonly detail: string }
}

/**
 * Sends a replay to a WebSocket as fast as its client takes it. A socket does not say what of it is still under way (there
 * is no `bufferedAmount` here), so pings go in the same queue as the data, and what is not acknowledged stays bounded.
 */
export class ReplayClient {
  readonly #socket: ClientSocket
  readonly #replay: Replay
  readonly #options: ReplayClientOptions
  readonly #watch: SlowWatch
  readonly #limit: CommandLimit
  /** A replay holds nothing that can be merged: these change nothing here. */
  #settings = NO_LIMITS
  #isOpen = true
  /** Ends the waiting for a pong. */
  #waiting: AbortController | undefined

  constructor(socket: ClientSocket, replay: Replay, options: ReplayClientOptions) {
    const { clock } = options
    this.#socket = socket
    this.#replay = replay
    this.#options = options
    this.#watch = new SlowWatch(clock.now(), false, 1 / clock.realMs(1))
    this.#limit = new CommandLimit(clock.now())
  }

  /** Sends all, or as much as the client takes, and closes. Never rejects. */
  async run(): Promise<void> {
    try {
      for await (const frame of this.#replay.frames()) {
        this.#send(frame)
        await this.#room()
        if (!this.#isOpen) return
      }
      this.#close(1000, 'end')
    } catch (error) {
      const { code, detail } = this.#options.describeFailure(error)
      this.#send([errorMessage(null, code, detail)])
      // https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1: a condition that prevented the server from going on
      this.#close(1011, detail)
    }
  }

  /** Answers what the client says. */
  receive(data: string | ArrayBuffer): void {
    if (!this.#isOpen) return
    const isText = typeof data === 'string' && data.length <= MAX_COMMAND_CHARACTERS
    const command = isText ? readCommand(data) : TOO_LONG
    const isPong = command.op === 'pong' && this.#watch.ponged(command.id)
    if (isPong) this.#waiting?.abort()
    else if (!this.#limit.take(this.#options.clock.now(), 1))
      this.#refuse('rate_limited', 'too many commands', command.id)
    else if (command.op === 'invalid') this.#refuse('invalid_request', command.detail, command.id)
    else this.#answer(command)
  }

  #answer(command: StreamCommand): void {
    const id = command.id ?? null
    switch (command.op) {
      case 'ping':
        this.#send([pongMessage(id)])
        break
      case 'list':
        this.#send([subscriptionsMessage(id, this.#replay.topics)])
        break
      case 'unsubscribe':
        this.#send([...this.#replay.take(), ...command.args.map((arg) => this.#unsubscribe(id, arg))])
        break
      case 'subscribe':
        this.#send([...this.#replay.take(), ...command.args.map((arg) => this.#subscribe(id, arg))])
        break
      case 'configure':
        this.#settings = configured(this.#settings, command)
        this.#send([configuredMessage(id, this.#settings)])
        break
      case 'pong':
        break
    }
  }

  /** The client has gone. */
  gone(): void {
    this.#end()
  }

  /** A client of the live stream subscribes: to what is replayed anyway, or else in vain. */
  #subscribe(id: RequestId, arg: unknown): string {
    const reading = this.#read(arg)
    if (!reading.ok) return errorMessage(id, reading.code, reading.detail, arg)
    const { topic } = reading
    const here = this.#replay.topics.map(topicKey).join(', ') || 'none is left'
    const detail = `${topicKey(topic)} is not, or no longer, in this replay's channels: ${here}`
    return this.#replay.subscribed(id, topic) ?? errorMessage(id, 'unprocessable', detail, arg)
  }

  #unsubscribe(id: RequestId, arg: unknown): string {
    const reading = this.#read(arg)
    if (!reading.ok) return errorMessage(id, reading.code, reading.detail, arg)
    if (this.#replay.drop(reading.topic)) return unsubscribedMessage(id, reading.topic)
    return errorMessage(id, 'not_subscribed', 'there is no such subscription', arg)
  }

  #read(arg: unknown): TopicReading {
    const { exchange, symbol, aliases } = this.#options
    const reading = readTopic(arg, [exchange], exchange)
    const isAlias = reading.ok && reading.topic.symbol !== null && aliases.has(reading.topic.symbol)
    return isAlias ? { ok: true, topic: { ...reading.topic, symbol } } : reading
  }

  /** Waits while the client has too much to read; gives it up where it acknowledges nothing for too long. */
  async #room(): Promise<void> {
    while (this.#isOpen && this.#watch.unacknowledged > MAX_UNACKNOWLEDGED) {
      const waiting = new AbortController()
      this.#waiting = waiting
      await this.#options.sleep(PATIENCE_MS, waiting.signal)
      if (!waiting.signal.aborted) this.#close(1008, 'too slow: answer each ping with {"op":"pong","id":...}')
    }
  }

  #refuse(code: StreamErrorCode, detail: string, id: RequestId = null): void {
    this.#send([errorMessage(id, code, detail)])
    this.#close(1008, detail)
  }

  #send(messages: readonly string[]): void {
    if (!this.#isOpen) return
    const now = this.#options.clock.now()
    const characters = messages.reduce((sum, { length }) => sum + length + 1, 1)
    const pingId = this.#watch.isPingDue(now, characters) ? this.#options.newPingId() : null
    if (messages.length === 0 && pingId === null) return
    const frame = `[${[...messages, ...(pingId === null ? [] : [pingMessage(pingId)])].join(',')}]`
    try {
      this.#socket.send(frame)
    } catch {
      this.#end()
      return
    }
    this.#watch.sent(frame.length)
    if (pingId !== null) this.#watch.pinged(pingId, now)
  }

  #close(code: number, reason: string): void {
    if (!this.#isOpen) return
    this.#end()
    try {
      this.#socket.close(code, reason)
    } catch {
      // It has ended by itself.
    }
  }

  #end(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#waiting?.abort()
    this.#options.onEnd()
  }
}
