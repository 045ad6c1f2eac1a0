import type { MarketChannel, MarketEvent } from '../domain/event.ts'
import type { Interval } from '../domain/interval.ts'
import type { StoredInstrument } from '../domain/series.ts'
import { resolveEvent } from '../exchanges/resolve.ts'
import type { MarketTopic } from './market-topic.ts'
import type { UpstreamStream } from './upstream-stream.ts'

/** The topics of one instrument, and the way of its events to them. */
export class InstrumentTopics {
  readonly instrument: StoredInstrument
  readonly #byChannel = new Map<MarketChannel, MarketTopic>()
  readonly #candles = new Map<Interval, MarketTopic>()
  readonly #countsContracts: boolean

  constructor(instrument: StoredInstrument) {
    this.instrument = instrument
    this.#countsContracts = instrument.contractSize !== null
  }

  find(channel: MarketChannel, interval: Interval | null): MarketTopic | undefined {
    return interval === null ? this.#byChannel.get(channel) : this.#candles.get(interval)
  }

  add(channel: MarketChannel, interval: Interval | null, topic: MarketTopic): void {
    if (interval === null) this.#byChannel.set(channel, topic)
    else this.#candles.set(interval, topic)
  }

  remove(topic: MarketTopic): void {
    for (const [channel, value] of this.#byChannel) if (value === topic) this.#byChannel.delete(channel)
    for (const [interval, value] of this.#candles) if (value === topic) this.#candles.delete(interval)
  }

  get isRecorded(): boolean {
    return this.all().some((topic) => topic.isRecorded)
  }

  /** What may be made of another one first, which was there before it. */
  all(): MarketTopic[] {
    return [...this.#candles.values(), ...[...this.#byChannel.values()].reverse()]
  }

  /** The topic that an event belongs to; `undefined` where nobody needs it. */
  of(event: MarketEvent): MarketTopic | undefined {
    return this.find(event.channel, event.channel === 'candles' ? event.interval : null)
  }

  /**
   * Hands an event to the topic that it belongs to.
   * @param stream that brought it, where that is known: another one than the topic's may say the same, but later
   * @returns `undefined` where nobody needs it
   */
  receive(
    event: MarketEvent,
    stream: UpstreamStream | undefined,
    socket: number,
    now: number,
    isPartial: boolean,
  ): MarketTopic | undefined {
    const topic = this.of(event)
    if (topic === undefined || (stream !== undefined && !stream.topics.has(topic))) return undefined
    const resolved = this.#countsContracts ? resolveEvent(event, this.instrument) : event
    topic.receive(resolved, socket, now, isPartial, stream)
    return topic
  }
}
