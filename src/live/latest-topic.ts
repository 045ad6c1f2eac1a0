import type { MarketEvent } from '../domain/event.ts'
import type { StoredInstrument } from '../domain/series.ts'
import { type BookTop, hasMoved, type KnownTop } from './book-top.ts'
import { Latest, type LatestValues } from './latest.ts'
import { MarketTopic, type Probe, type TopicSurroundings } from './market-topic.ts'
import { bboData, fundingData, openInterestData, tickerData } from './messages.ts'
import type { UpstreamStream } from './upstream-stream.ts'

const latestChannels = ['ticker', 'bbo', 'funding', 'open-interest'] as const
type LatestChannel = (typeof latestChannels)[number]
type LatestEvent = Extract<MarketEvent, { readonly channel: LatestChannel }>

/** However many frames cannot be read, the whole values are asked for no more often than this. */
const REPAIR_MS = 60_000
/** Changes that come without the whole values are waited out for so long: these were in a frame that could not be read. */
const WHOLE_MS = 10_000

const NO_PRICES: KnownTop = { depth: 1, sequence: null, bids: [], asks: [] }

export interface LatestOptions {
  readonly channel: LatestChannel
  readonly probe: Probe
  /** Whether its streams first say how things stand. */
  readonly beginsWhole: boolean
}

/** A channel of which only the newest values count: clients get them whole, however little of them an event says. */
export class LatestTopic extends MarketTopic {
  readonly latest = new Latest()
  readonly #options: LatestOptions
  /** It has heard how things stand: what has changed since then means something. */
  #isWhole = false
  /** What these have brought is of before an outage: nothing that comes now is joined to it. */
  readonly #outdated = new Set<UpstreamStream>()
  /** Since when there were only changes, or when the whole values were asked for because of that. */
  #partialSince: number | null = null
  /** Events leave out what has not changed: one that is lost is not made up for by the next. */
  #isByChanges = false
  #repairedAt = Number.NEGATIVE_INFINITY
  /** The best prices that REST showed first since its stream was subscribed at `since`, before that brought any. */
  #shown: { readonly since: number; readonly top: KnownTop } | null = null

  constructor(instrument: StoredInstrument, options: LatestOptions, surroundings: TopicSurroundings) {
    super(instrument, surroundings)
    this.#options = options
  }

  /** An open interest that was not said at all is overdue, for it comes first. Then it only comes when it has changed. */
  override get probe(): Probe | null {
    const { channel, probe } = this.#options
    return channel === 'open-interest' && this.latest.openInterest === null ? 'clock' : probe
  }

  override get beginsWhole(): boolean {
    return this.#options.beginsWhole
  }

  override top(): KnownTop | null {
    const { bbo } = this.latest
    if (bbo === null) return null
    const { bid, ask } = bbo.values
    return { depth: 1, sequence: null, bids: bid === null ? [] : [bid], asks: ask === null ? [] : [ask] }
  }

  override isBehind(newest: BookTop, since: number): boolean | null {
    const known = this.top() ?? (this.beginsWhole ? NO_PRICES : this.#shownSince(since))
    if (known !== null) return hasMoved(known, newest)
    const [bids, asks] = [newest.bids.slice(0, 1), newest.asks.slice(0, 1)]
    this.#shown = { since, top: { ...NO_PRICES, bids, asks } }
    return null
  }

  override receive(
    event: MarketEvent,
    _socket: number,
    now: number,
    isPartial: boolean,
    stream: UpstreamStream | null = null,
  ): void {
    if (!isLatest(event) || event.channel !== this.#options.channel) return
    if (isPartial) this.#isByChanges = true
    else this.#isWhole = true
    // What it leaves out would be told as if the exchange did not send it.
    if (!this.#isWhole) {
      this.#awaitWhole(now)
      return
    }
    this.#partialSince = null
    if (this.#outdated.size > 0) this.latest.forget(this.#outdated)
    this.#outdated.clear()
    if (this.latest.receive(event, now, stream)) this.#tell(now)
  }

  override state(key: string): string | null {
    const newest = this.#newest()
    if (newest === null) return null
    return this.line(key)?.state(newest.exchangeTime, newest.receivedTime, newest.values) ?? null
  }

  /** What stands is still the newest that was heard, and its times say how old it is, until something newer is. */
  override lost(_socket: number, _now: number, heir: number | null, stream: UpstreamStream): void {
    if (heir === null) this.#outdate(stream)
  }

  override suspect(now: number): void {
    if (!this.#isByChanges || now - this.#repairedAt < REPAIR_MS) return
    this.#repairedAt = now
    this.surroundings.resubscribe(this, now)
  }

  /** Whoever finds it stale subscribes to it anew as well. */
  override stale(now: number): void {
    this.notify('stale', now, { since: now })
    for (const stream of this.streams) if (stream.pace.state === 'stale') this.#outdate(stream)
  }

  #outdate(stream: UpstreamStream): void {
    this.#outdated.add(stream)
    this.#isWhole = false
    this.#partialSince = null
  }

  /** Where the stream only says what changes: what must have changed if REST shows anything else. */
  #shownSince(since: number): KnownTop | null {
    return this.#shown?.since === since ? this.#shown.top : null
  }

  #tell(now: number): void {
    const newest = this.#newest()
    this.dataTime = newest?.exchangeTime ?? now
    if (newest !== null) this.publish(newest.exchangeTime, now, newest.values)
  }

  #awaitWhole(now: number): void {
    this.#partialSince ??= now
    if (now - this.#partialSince < WHOLE_MS) return
    this.#partialSince = now
    this.surroundings.resubscribe(this, now)
  }

  #newest(): LatestValues<string> | null {
    const { ticker, bbo, funding, openInterest: interest } = this.latest
    switch (this.#options.channel) {
      case 'ticker':
        return ticker === null ? null : { ...ticker, values: tickerData(ticker.values) }
      case 'bbo':
        return bbo === null ? null : { ...bbo, values: bboData(bbo.values.bid, bbo.values.ask) }
      case 'funding':
        return funding === null ? null : { ...funding, values: fundingData(funding.values) }
      case 'open-interest': {
        if (interest === null) return null
        const { openInterest, value } = interest.values
        // A change that came before the whole: its worth alone is no open interest.
        return openInterest === null ? null : { ...interest, values: openInterestData({ openInterest, value }) }
      }
    }
  }
}

function isLatest(event: MarketEvent): event is LatestEvent {
  return latestChannels.some((channel) => channel === event.channel)
}
