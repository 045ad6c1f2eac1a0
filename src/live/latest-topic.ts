import type { MarketEvent } from '../domain/event.ts'
import type { StoredInstrument } from '../domain/series.ts'
import type { KnownTop } from './book-top.ts'
import { Latest, type LatestValues } from './latest.ts'
import { MarketTopic, type Probe, type TopicSurroundings } from './market-topic.ts'
import { bboData, fundingData, tickerData } from './messages.ts'

type LatestChannel = 'ticker' | 'bbo' | 'funding'
type LatestEvent = Extract<MarketEvent, { readonly channel: LatestChannel }>

/** However many frames cannot be read, the whole values are asked for no more often than this. */
const REPAIR_MS = 60_000

/** A channel of which only the newest values count: clients get them whole, however little of them an event says. */
export class LatestTopic extends MarketTopic {
  readonly latest = new Latest()
  readonly #channel: LatestChannel
  readonly #probe: Probe
  /** What the fullest event said. */
  #fields: ReadonlySet<string> = new Set()
  /** Events leave out what has not changed: one that is lost is not made up for by the next. */
  #isByChanges = false
  #repairedAt = Number.NEGATIVE_INFINITY

  constructor(instrument: StoredInstrument, channel: LatestChannel, probe: Probe, surroundings: TopicSurroundings) {
    super(instrument, surroundings)
    this.#channel = channel
    this.#probe = probe
  }

  override get probe(): Probe {
    return this.#probe
  }

  override top(): KnownTop | null {
    const { bbo } = this.latest
    if (bbo === null) return null
    const { bid, ask } = bbo.values
    return { depth: 1, sequence: null, bids: bid === null ? [] : [bid], asks: ask === null ? [] : [ask] }
  }

  override receive(event: MarketEvent, _socket: number, now: number): void {
    if (event.channel !== 'ticker' && event.channel !== 'bbo' && event.channel !== 'funding') return
    if (event.channel !== this.#channel || !this.latest.receive(event, now)) return
    if (!this.#isByChanges) this.#learn(event)
    this.dataTime = event.exchangeTime ?? now
    const newest = this.#newest()
    if (newest !== null) this.publish(newest.exchangeTime, now, newest.values)
  }

  override state(key: string): string | null {
    const newest = this.#newest()
    if (newest === null) return null
    return this.line(key)?.state(newest.exchangeTime, newest.receivedTime, newest.values) ?? null
  }

  /** What stands is still the newest that was heard: its times say how old it is. */
  override lost(): void {}

  override suspect(now: number): void {
    if (!this.#isByChanges || now - this.#repairedAt < REPAIR_MS) return
    this.#repairedAt = now
    this.surroundings.resubscribe(this, now)
  }

  /** Whoever finds it stale subscribes to it anew as well. */
  override stale(now: number): void {
    this.notify('stale', now, { since: now })
  }

  /** Streams that say different things about funding leave nothing out by that. */
  #learn(event: LatestEvent): void {
    const fields = Object.keys(event.channel === 'bbo' ? sidesOf(event) : event.values)
    if (fields.length > this.#fields.size) this.#fields = new Set(fields)
    else if (fields.length < this.#fields.size) this.#isByChanges = fields.every((field) => this.#fields.has(field))
  }

  #newest(): LatestValues<string> | null {
    const { ticker, bbo, funding } = this.latest
    switch (this.#channel) {
      case 'ticker':
        return ticker === null ? null : { ...ticker, values: tickerData(ticker.values) }
      case 'bbo':
        return bbo === null ? null : { ...bbo, values: bboData(bbo.values.bid, bbo.values.ask) }
      case 'funding':
        return funding === null ? null : { ...funding, values: fundingData(funding.values) }
    }
  }
}

function sidesOf({ bid, ask }: Extract<LatestEvent, { readonly channel: 'bbo' }>): object {
  return { ...(bid === undefined ? {} : { bid }), ...(ask === undefined ? {} : { ask }) }
}
