import type { BookEvent, CandleEvent, MarketEvent } from '../domain/event.ts'
import type { Instrument } from '../domain/instrument.ts'
import { connectors } from '../exchanges/registry.ts'
import { resolveEvent } from '../exchanges/resolve.ts'
import type { StreamFrame } from '../exchanges/stream.ts'
import type { StreamOptions } from './decode-arguments.ts'
import { InstrumentNames, type Named } from './instrument-names.ts'
import { envelope, type Message, pairOf, unitOf } from './message.ts'
import { WholeValues } from './whole-values.ts'

/** What the stream would carry for the frames of one run of `npm run decode -- --transport ws`, given in order. */
export class FrameDecoder {
  readonly #options: StreamOptions
  readonly #names: InstrumentNames
  readonly #named = new Map<string, Named>()
  readonly #whole = new WholeValues()

  /** @param instruments known ones, for symbols and contract sizes */
  constructor(options: StreamOptions, instruments: readonly Instrument[] = []) {
    this.#options = options
    this.#names = new InstrumentNames(options.exchange, options.kind, options.symbol, instruments)
  }

  /** The messages of one frame, in order; one of type `ack`, `invalid` and the like where it carries no data. */
  decode(frame: string): readonly Message[] {
    const decoded = connectors[this.#options.exchange].stream.decode(frame, this.#names.kind)
    if (decoded.kind !== 'data') return [this.#plain(decoded)]
    if (decoded.events.length === 0) return [this.#plain({ kind: 'ignored', reason: 'no data in the frame' })]
    const events = decoded.isOfIndex === true ? decoded.events.filter((event) => this.#isListed(event)) : decoded.events
    if (events.length === 0)
      return [this.#plain({ kind: 'ignored', reason: 'an index of no instrument that is known' })]
    return events.map((event) => this.#message(event))
  }

  /** Whether the list of instruments has that of an event. */
  #isListed({ exchangeSymbol }: MarketEvent): boolean {
    return this.#nameOf(exchangeSymbol).instrument?.exchangeSymbol === exchangeSymbol
  }

  /** What is said of a frame that could not even be looked at. */
  invalid(detail: string): Message {
    return this.#plain({ kind: 'invalid', detail })
  }

  #plain(frame: Exclude<StreamFrame, { kind: 'data' }>): Message {
    const { exchange } = this.#options
    switch (frame.kind) {
      case 'heartbeat':
        return { type: 'heartbeat', exchange }
      case 'ack':
        return { type: 'ack', exchange, requestId: frame.requestId, streams: frame.streams }
      case 'rejected': {
        const { requestId, streams, code, reason, retryAfterMs } = frame
        const wait = retryAfterMs === undefined ? {} : { retryAfterMs }
        return { type: 'rejected', exchange, requestId, streams, code, reason, ...wait }
      }
      case 'ignored':
        return { type: 'ignored', exchange, detail: frame.reason }
      case 'invalid':
        return { type: 'invalid', exchange, detail: frame.detail }
    }
  }

  #message(sent: MarketEvent): Message {
    const named = this.#nameOf(sent.exchangeSymbol)
    const event = named.instrument === null ? sent : resolveEvent(sent, named.instrument)
    const headed = (type: string) => envelope(type, this.#options.exchange, named, event.exchangeTime)
    const sized = (type: string) => ({
      ...headed(type),
      ...unitOf(this.#options.exchange, this.#names, named),
    })
    switch (event.channel) {
      case 'trades': {
        const { id, price, size, side } = event
        return { ...sized('trade'), data: { id, price, size, side } }
      }
      case 'candles':
        return { ...headed('candle'), data: candleData(event) }
      case 'ticker':
        return { ...headed('ticker'), data: this.#whole.ticker(event) }
      case 'bbo':
        return { ...sized('bbo'), data: this.#whole.bbo(event) }
      case 'book':
        return { ...sized('book'), data: bookData(event) }
      case 'funding':
        return { ...headed('funding'), data: this.#whole.funding(event) }
      case 'open-interest':
        return { ...headed('open-interest'), data: this.#whole.openInterest(event) }
      case 'liquidations': {
        const { price, size, side } = event
        return { ...sized('liquidation'), data: { price, size, side } }
      }
    }
  }

  #nameOf(exchangeSymbol: string): Named {
    const known = this.#named.get(exchangeSymbol)
    if (known !== undefined) return known
    const named = this.#names.nameOf(exchangeSymbol)
    this.#named.set(exchangeSymbol, named)
    return named
  }
}

/** A candle of another clock says so: its `interval` is none of ours. */
function candleData({ interval, exchangeInterval, candle }: CandleEvent) {
  return { interval, ...(exchangeInterval === undefined ? {} : { exchangeInterval }), ...candle }
}

/** An update does not say how deep the book is; a snapshot follows nothing. */
function bookData({ kind, bids, asks, firstSequence, prevSequence, sequence }: BookEvent) {
  const changes = { bids: bids.map(pairOf), asks: asks.map(pairOf) }
  if (kind === 'snapshot') {
    return { kind, depth: Math.max(bids.length, asks.length), ...changes, prevSequence: null, sequence }
  }
  // Where the exchange counts the first change of an update instead, the one before it is what the update follows.
  const follows = prevSequence ?? (firstSequence === null ? null : firstSequence - 1)
  return { kind, depth: null, ...changes, prevSequence: follows, sequence }
}
