import type { LoaderStub } from '../src/deps.ts'
import type { Answer } from '../src/domain/answer.ts'
import type { Clock } from '../src/domain/clock.ts'
import { AppError } from '../src/domain/errors.ts'
import type { Interval } from '../src/domain/interval.ts'
import { counterOf } from '../src/domain/order-book.ts'
import type { StoredInstrument } from '../src/domain/series.ts'
import type { ExchangeConnector } from '../src/exchanges/connector.ts'
import type { Newest as LoaderNewest } from '../src/history/feed-answers.ts'
import type { ClientHub } from '../src/live/client-hub.ts'
import type { FeedEffect, FeedInput, Newest, Recorded } from '../src/live/feed-io.ts'
import type { FeedSession } from '../src/live/feed-session.ts'
import type { TopicMarks } from '../src/live/market-topic.ts'
import { Recorder } from '../src/live/recorder.ts'
import type { FeedStore } from '../src/store/feed-store.ts'
import { UpstreamSockets } from './upstream-sockets.ts'

const TICK_MS = 1_000
/** However fast the clock runs, a tick takes longer than this in real time. */
const MIN_REAL_TICK_MS = 5
/** Where the database did not take what was written, it is asked again after this. */
const STORE_RETRY_MS = 5_000
/** What is recorded may change at any time; a poke each minute looks. */
const RECORDED_MS = 60_000
/** Old trades are deleted each hour, and soon after a start: a feed may never run for an hour. */
const PRUNE_MS = 3_600_000
const FIRST_PRUNE_MS = 3 * 60_000
/** https://www.rfc-editor.org/rfc/rfc6455#section-7.4, as registered later: service restart. */
const RESTART_CODE = 1012

export interface RuntimeOptions {
  readonly connector: ExchangeConnector
  readonly session: FeedSession
  readonly hub: ClientHub
  readonly clock: Clock
  readonly loader: () => LoaderStub
  /** Claims the lease of the feed. */
  readonly openStore: () => Promise<FeedStore>
  readonly tradeRetentionMs: number
  /** About once a second. */
  readonly onTick: () => void
  /** Clients have been sent what was due. */
  readonly onFlush: () => void
  /** Another object writes for this exchange now. */
  readonly onSuperseded: () => void
}

/** Performs what the session of a feed decides: sockets, questions to REST, writes, and what clients get. */
export class FeedRuntime {
  readonly session: FeedSession
  readonly hub: ClientHub
  readonly #options: RuntimeOptions
  readonly #sockets: UpstreamSockets
  readonly #recorder: Recorder
  #store: Promise<FeedStore> | undefined
  #seriesIds: ReadonlyMap<string, number> = new Map()
  #recordedAt = Number.NEGATIVE_INFINITY
  #storeAfter = 0
  #writing: Promise<void> | null = null
  #pruneAt: number
  #ticker: ReturnType<typeof setInterval> | undefined
  #flushTimer: { readonly at: number; readonly handle: ReturnType<typeof setTimeout> } | undefined

  constructor(options: RuntimeOptions) {
    this.#options = options
    this.session = options.session
    this.hub = options.hub
    const { session, clock, connector } = options
    const tellGivenUp = () => {
      console.error('trades are given up: the database has not taken them', { exchange: connector.exchange })
    }
    this.#recorder = new Recorder(session.epoch, (id) => session.tradesKnownTo(id), tellGivenUp)
    this.#pruneAt = clock.now() + FIRST_PRUNE_MS
    this.#sockets = new UpstreamSockets(options.connector.rest.headers, {
      opened: (socket) => this.take({ kind: 'opened', socket }),
      refused: (socket, status, retryAfterMs, reason) =>
        this.take({ kind: 'refused', socket, status, retryAfterMs, reason }),
      closed: (socket, reason) => this.take({ kind: 'closed', socket, reason }),
      frame: (socket, text) => this.take({ kind: 'frame', socket, text }),
    })
  }

  start(): void {
    if (this.#ticker !== undefined) return
    const everyMs = Math.max(MIN_REAL_TICK_MS, this.#options.clock.realMs(TICK_MS))
    this.#ticker = setInterval(() => this.#tick(), everyMs)
    this.take({ kind: 'start' })
    this.#tick()
  }

  /** Closes the sockets and stores what is left. */
  async stop(): Promise<void> {
    clearInterval(this.#ticker)
    this.#ticker = undefined
    this.take({ kind: 'stop' })
    this.hub.flushAll(this.#options.clock.now())
    clearTimeout(this.#flushTimer?.handle)
    this.#flushTimer = undefined
    await this.#record(true)
  }

  /** Closes every socket, those of clients too, and stores nothing: another object does. */
  end(): void {
    clearInterval(this.#ticker)
    this.#ticker = undefined
    this.take({ kind: 'stop' })
    this.hub.closeAll(RESTART_CODE, 'the feed has moved')
  }

  get isRunning(): boolean {
    return this.#ticker !== undefined
  }

  /** One input to the session: all that follows from it is done, or under way, when this returns. */
  take(input: FeedInput): void {
    const now = this.#options.clock.now()
    for (const effect of this.session.handle(input, now)) this.#perform(effect, now)
    this.serve(now)
  }

  /** Sends clients what is due, now or as soon as it is. */
  serve(now = this.#options.clock.now()): void {
    if (this.hub.isDue(now)) {
      // What has changed in between goes to every client in the same round.
      if (!this.hub.isMidRound) {
        for (const effect of this.session.handle({ kind: 'flush' }, now)) this.#perform(effect, now)
      }
      this.hub.flush(now)
      this.#options.onFlush()
    } else {
      this.hub.putOff()
    }
    // A feed that is stopped wakes up for no ping: it can be evicted, and its clients stay.
    if (!this.isRunning && !this.hub.isWaiting) return
    const { wakeAt } = this.hub
    if (wakeAt === Number.POSITIVE_INFINITY || (this.#flushTimer !== undefined && this.#flushTimer.at <= wakeAt)) return
    clearTimeout(this.#flushTimer?.handle)
    const handle = setTimeout(
      () => {
        this.#flushTimer = undefined
        this.serve()
      },
      Math.max(0, this.#options.clock.realMs(wakeAt - now)),
    )
    this.#flushTimer = { at: wakeAt, handle }
  }

  /** @throws AppError `storage_unavailable` */
  async readInstrument(symbol: string): Promise<StoredInstrument | undefined> {
    return this.#withStore((store) => store.readInstrument(symbol))
  }

  /** What to resume from: trades that were published and not stored are published again. */
  checkpoint(): TopicMarks {
    return this.session.checkpoint((instrumentId) => this.#recorder.storedMark(instrumentId))
  }

  waitingTrades(instrumentId: number) {
    return this.#recorder.waiting(instrumentId, this.#options.clock.now())
  }

  /** Looks up what is recorded, and what has ended of what is followed; where the database does not answer, what was known goes on. */
  async refreshRecorded(): Promise<void> {
    const now = this.#options.clock.now()
    if (now - this.#recordedAt < RECORDED_MS) return
    this.#recordedAt = now
    try {
      const rows = await this.#withStore((store) => store.readRecorded())
      this.#seriesIds = new Map(rows.map((row) => [seriesKey(row.instrument.id, row.interval), row.seriesId]))
      const byInstrument = new Map<number, Recorded & { readonly intervals: Interval[] }>()
      for (const { instrument, interval } of rows) {
        const known = byInstrument.get(instrument.id)
        if (known === undefined) byInstrument.set(instrument.id, { instrument, intervals: [interval] })
        else known.intervals.push(interval)
      }
      this.take({ kind: 'record', instruments: [...byInstrument.values()] })
      const ended = await this.#withStore((store) => store.readEnded(this.session.instrumentIds))
      this.take({ kind: 'ended', instruments: ended })
    } catch (error) {
      this.#recordedAt = now - RECORDED_MS + STORE_RETRY_MS
      this.#failed('the recorded series could not be read', error)
    }
  }

  #tick(): void {
    const now = this.#options.clock.now()
    this.take({ kind: 'tick' })
    this.#options.onTick()
    void this.refreshRecorded()
    if (now >= this.#storeAfter) void this.#record(false)
  }

  #perform(effect: FeedEffect, now: number): void {
    switch (effect.kind) {
      case 'publish':
        this.hub.publish(effect.key, effect.message)
        return
      case 'changed':
        this.hub.expect()
        return
      case 'store-trade':
        this.#recorder.addTrade(effect.instrumentId, effect.trade)
        return
      case 'connect':
        void this.#sockets.connect(effect.socket, effect.url)
        return
      case 'send':
        this.#sockets.send(effect.socket, effect.frame)
        return
      case 'close':
        this.#sockets.close(effect.socket, effect.reason)
        return
      case 'store-candle':
        this.#recorder.addCandle(effect, now)
        return
      case 'store-trade-gap':
        this.#recorder.addGap(effect.instrumentId, effect.gap)
        return
      case 'end-trades':
        this.#recorder.endTrades(effect.instrumentId, Math.min(now, effect.knownTo))
        return
      default:
        void this.#ask(effect)
    }
  }

  /** Puts a question of the session to REST, by way of the loader, and hands it the answer. */
  async #ask(question: Extract<FeedEffect, { readonly kind: `ask-${string}` }>): Promise<void> {
    const { exchange } = this.#options.connector
    const { instrument } = question
    const { id } = instrument
    const loader = this.#options.loader()
    switch (question.kind) {
      case 'ask-snapshot': {
        const { request } = question
        const answer = await answerOf(loader.readBookSnapshot(exchange, instrument, request.depth))
        return this.take({ kind: 'snapshot', instrumentId: id, request, answer })
      }
      case 'ask-book-check': {
        const { request } = question
        const answer = await answerOf(loader.readBookSnapshot(exchange, instrument, request.depth, 'inquiry'))
        return this.take({ kind: 'book-check', instrumentId: id, request, answer })
      }
      case 'ask-trades': {
        const { hole } = question
        const answer = await answerOf(loader.readTradeHole(exchange, instrument, hole))
        return this.take({ kind: 'trades', instrumentId: id, hole, answer })
      }
      case 'ask-candles': {
        const { interval, window } = question
        const answer = await answerOf(loader.readCandles(exchange, instrument, interval, window))
        return this.take({ kind: 'candles', instrumentId: id, interval, window, answer })
      }
      case 'ask-newest': {
        const answer = await answerOf(loader.readNewest(exchange, instrument, question.what))
        const { stream } = question
        return this.take({
          kind: 'newest',
          stream,
          answer: answer.ok ? { ok: true, value: bareNewest(answer.value) } : answer,
        })
      }
    }
  }

  /** Stores what is ripe, or all there is: that waits for a write that is under way. */
  async #record(all: boolean): Promise<void> {
    if (this.#writing !== null && !all) return
    while (this.#writing !== null) await this.#writing
    this.#writing = this.#write(all).finally(() => {
      this.#writing = null
    })
    await this.#writing
  }

  async #write(all: boolean): Promise<void> {
    const now = this.#options.clock.now()
    const due = this.#recorder.takeDue(now, all)
    try {
      if (due.candles.length + due.chunks.length + due.heard.length > 0) {
        await this.#withStore(async (store) => {
          const closed = due.candles.flatMap(({ instrumentId, interval, candle }) => {
            const seriesId = this.#seriesIds.get(seriesKey(instrumentId, interval))
            return seriesId === undefined ? [] : [{ seriesId, interval, candle }]
          })
          await store.writeCandles(closed, now)
          await store.writeTrades(due.chunks, due.heard)
        })
      }
      this.#recorder.stored()
      if (now < this.#pruneAt) return
      // Where that fails, it is soon tried again.
      this.#pruneAt = now + FIRST_PRUNE_MS
      await this.#withStore((store) => store.pruneTrades(now - this.#options.tradeRetentionMs))
      this.#pruneAt = now + PRUNE_MS
    } catch (error) {
      this.#recorder.putBack()
      this.#storeAfter = now + STORE_RETRY_MS
      this.#failed('what was heard could not be stored', error)
    }
  }

  async #withStore<T>(use: (store: FeedStore) => Promise<T>): Promise<T> {
    this.#store ??= this.#options.openStore().catch((error: unknown) => {
      this.#store = undefined
      throw error
    })
    return use(await this.#store)
  }

  #failed(what: string, error: unknown): void {
    console.error(what, { exchange: this.#options.connector.exchange, error: String(error) })
    if (error instanceof AppError && error.code === 'stale_lease') this.#options.onSuperseded()
  }
}

function seriesKey(instrumentId: number, interval: Interval): string {
  return `${instrumentId}:${interval}`
}

/** The loader may be restarting, or out of reach: to the session that is an answer like another. */
async function answerOf<T>(asked: Promise<Answer<T>>): Promise<Answer<T>> {
  try {
    return await asked
  } catch {
    return { ok: false, code: 'exchange_unavailable', detail: 'the loader did not answer' }
  }
}

/** What the session needs of the loader's answer. */
function bareNewest(newest: LoaderNewest): Newest {
  switch (newest.what) {
    case 'trade':
      return { what: 'trade', time: newest.tradeTime }
    case 'book':
      return { ...newest, sequence: counterOf(newest.sequence) }
  }
}
