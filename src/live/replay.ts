import type { Window } from '../domain/interval.ts'
import type { RequestId } from '../domain/stream-command.ts'
import { type ClientTopic, topicKey } from '../domain/topic.ts'
import { quote, TopicLine } from './messages.ts'
import { type Pace, UNPACED } from './replay-pace.ts'
import { type ReplayRecord, replayMessage } from './replay-records.ts'
import { subscribedMessage } from './replies.ts'

/** As many messages as this is full with go out together, as live. */
const MAX_FRAME_CHARACTERS = 64 * 1_024
/** Whoever waits for the next message hears at least so often that there is none yet; real ms. */
const IDLE_MS = 5_000

/** What is replayed of one topic. */
export interface ReplaySource {
  readonly topic: ClientTopic
  /** Ascending by time; some at a time, read when they are needed. */
  readonly records: AsyncGenerator<readonly ReplayRecord[]>
}

export interface ReplayOptions {
  readonly exchange: string
  readonly symbol: string
  readonly exchangeSymbol: string
  readonly window: Window
  /** In the order in which they are named where they tell of one moment. */
  readonly sources: readonly ReplaySource[]
  readonly pace?: Pace
}

/** A topic that is not over: its records from `next` on are still to be told. */
interface Cursor {
  readonly line: TopicLine
  readonly source: ReplaySource
  records: readonly ReplayRecord[]
  next: number
}

/**
 * Stored data as the messages of a live stream: each topic's `subscribed`, then all their messages merged by time, and
 * `end`. Numbers begin anew, and `epoch` says that it is a replay and of what: the same for the same window.
 */
export class Replay {
  readonly #options: ReplayOptions
  readonly #pace: Pace
  readonly #epoch: string
  /** Of the topics that were not dropped, over or not, by key. */
  readonly #lines = new Map<string, TopicLine>()
  #cursors: Cursor[]
  /** What is written and not told yet. */
  #frame: string[] = []
  #characters = 0

  constructor(options: ReplayOptions) {
    const { sources, pace = UNPACED, exchangeSymbol, window } = options
    this.#options = options
    this.#pace = pace
    this.#epoch = `replay-${window.start}-${window.end}`
    this.#cursors = sources.map((source) => ({
      line: new TopicLine(source.topic, exchangeSymbol),
      source,
      records: [],
      next: 0,
    }))
    for (const { line } of this.#cursors) this.#lines.set(line.key, line)
  }

  /** What was not dropped, over or not. */
  get topics(): readonly ClientTopic[] {
    return Array.from(this.#lines.values(), ({ topic }) => topic)
  }

  /** Tells nothing more of a topic. @returns whether it was not dropped before */
  drop(topic: ClientTopic): boolean {
    const key = topicKey(topic)
    if (!this.#lines.delete(key)) return false
    const dropped = this.#cursors.find(({ line }) => line.key === key)
    this.#cursors = this.#cursors.filter((cursor) => cursor !== dropped)
    void dropped?.source.records.return(undefined)
    return true
  }

  /**
   * `subscribed` once more: what follows {@link take} has its `seq` as `prevSeq`.
   *
   * @returns `undefined` for a topic that is not in this replay, or was dropped
   */
  subscribed(id: RequestId, topic: ClientTopic): string | undefined {
    const line = this.#lines.get(topicKey(topic))
    return line && subscribedMessage(id, line.topic, this.#epoch, line.seq, false)
  }

  /**
   * What is written and not given by {@link frames} yet: it comes before what is said about topics from now on. Whoever
   * reads frames sends each as soon as it is given: no event comes in between.
   */
  take(): readonly string[] {
    const frame = this.#frame
    this.#frame = []
    this.#characters = 0
    return frame
  }

  /**
   * The messages, some at a time: those that are due together, up to 64 kB. An empty frame says that none is due yet.
   * Where it is not read to its end, `return` frees what it reads from.
   */
  async *frames(): AsyncGenerator<readonly string[]> {
    const { window, exchange, symbol } = this.#options
    let count = 0
    this.#frame = this.topics.map((topic) => subscribedMessage(null, topic, this.#epoch, 0, false))
    try {
      for (let cursor = await this.#earliest(); cursor !== undefined; ) {
        const record = cursor.records[cursor.next]
        if (record === undefined) break
        const earlyMs = this.#pace.early(record.time)
        if (earlyMs > 0 || this.#characters >= MAX_FRAME_CHARACTERS) {
          yield this.take()
          if (earlyMs > 0) await this.#pace.sleep(Math.min(earlyMs, IDLE_MS))
        } else {
          const message = replayMessage(cursor.line, record)
          cursor.next++
          count++
          this.#frame.push(message)
          this.#characters += message.length
        }
        // What was waited for may have been dropped meanwhile.
        const isLoaded = this.#cursors.every(isReady)
        cursor = isLoaded ? first(this.#cursors) : await this.#earliest()
      }
      yield [...this.take(), endMessage(exchange, symbol, window, count)]
    } finally {
      await Promise.all(this.#cursors.map(({ source }) => source.records.return(undefined)))
    }
  }

  /** Reads on where it is not known what comes next. @returns what does; `undefined`: all is over */
  async #earliest(): Promise<Cursor | undefined> {
    for (let empty = this.#cursors.find(isEmpty); empty !== undefined; empty = this.#cursors.find(isEmpty)) {
      const over = empty
      const { done, value } = await over.source.records.next()
      over.records = value ?? []
      over.next = 0
      if (done) this.#cursors = this.#cursors.filter((cursor) => cursor !== over)
    }
    return first(this.#cursors)
  }
}

function isReady({ records, next }: Cursor): boolean {
  return next < records.length
}

function isEmpty(cursor: Cursor): boolean {
  return !isReady(cursor)
}

/** That whose next record is first; of several, the one that was named first. */
function first(cursors: readonly Cursor[]): Cursor | undefined {
  let found: Cursor | undefined
  let time = Number.POSITIVE_INFINITY
  for (const cursor of cursors) {
    const next = cursor.records[cursor.next]
    if (next === undefined || next.time >= time) continue
    found = cursor
    time = next.time
  }
  return found
}

/** The last message of a replay that was told whole: `messages` counts all but those that open it, and this one. */
export function endMessage(exchange: string, symbol: string, { start, end }: Window, messages: number): string {
  return `{"type":"end","exchange":${quote(exchange)},"symbol":${quote(symbol)},"data":{"start":${start},"end":${end},"messages":${messages}}}`
}
