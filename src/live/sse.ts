/**
 * Server-sent events, for those who cannot open a WebSocket: the same frames, a `data:` each.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 */

import type { Refusal } from '../domain/answer.ts'
import { errorCodes, type FieldError } from '../domain/errors.ts'
import { MAX_SUBSCRIPTIONS, readTopic, readTopicParam, type StreamErrorCode } from '../domain/stream-command.ts'
import { type ClientTopic, distinctTopics } from '../domain/topic.ts'
import type { ClientHub } from './client-hub.ts'
import type { ClientSocket } from './client-queue.ts'
import type { HubClient, SubscribeRequest, TopicRefusal } from './hub-client.ts'

/** When a browser that has lost the stream asks again. */
const RETRY_MS = 2_000
/** What is written before anybody reads counts as sent and not taken: the limits of slow clients say how much may be. */
const strategy = { highWaterMark: 0, size: (chunk?: Uint8Array) => chunk?.byteLength ?? 0 }

/** A stream of events as the socket of a client. Its own backpressure says what the reader has not taken yet. */
export class EventStream implements ClientSocket {
  readonly body: ReadableStream<Uint8Array>
  readonly buffer = {
    unsent: () => -(this.#controller?.desiredSize ?? 0),
    keepAlive: () => this.#write(': keep-alive\n\n'),
  }
  readonly #encoder = new TextEncoder()
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined

  /** @param onCancel the reader has gone */
  constructor(onCancel: () => void) {
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        cancel: onCancel,
      },
      strategy,
    )
    this.#write(`retry: ${RETRY_MS}\n\n`)
  }

  send(text: string): void {
    this.#write(`data: ${text}\n\n`)
  }

  /** Events have no close codes: the last one carries it. */
  close(code: number, reason: string): void {
    this.#write(`event: close\ndata: ${JSON.stringify({ code, reason })}\n\n`)
    this.#controller?.close()
  }

  #write(text: string): void {
    this.#controller?.enqueue(this.#encoder.encode(text))
  }
}

/**
 * The topics that the `topic` parameters of a URL ask for.
 *
 * @param exchanges those that can be asked for here
 * @param pathExchange the one of the path
 */
export function readEventTopics(
  url: URL,
  exchanges: readonly string[],
  pathExchange: string | null,
): { readonly ok: true; readonly topics: readonly ClientTopic[] } | Refusal {
  const params = url.searchParams.getAll('topic')
  if (params.length === 0) return refuseAll('name at least one, such as trades:okx:BTC-USDT')
  if (params.length > MAX_SUBSCRIPTIONS) return refuseAll(`at most ${MAX_SUBSCRIPTIONS}`)
  const topics: ClientTopic[] = []
  const faults: TopicFault[] = []
  for (const [index, param] of params.entries()) {
    const reading = readTopic(readTopicParam(param, exchanges), exchanges, pathExchange)
    if (reading.ok) topics.push(reading.topic)
    else faults.push({ index, ...reading, detail: `${param}: ${reading.detail}` })
  }
  return refusal(faults, params.length) ?? { ok: true, topics }
}

/** How the owner of a hub serves a stream of events. */
export interface EventStreamOwner {
  readonly hub: ClientHub
  readonly now: () => number
  /** Settles the requests, at once or later. */
  readonly settle: (client: HubClient, requests: readonly SubscribeRequest[]) => void
}

/**
 * Opens a stream once its topics are accepted; where one is refused there is none, and every refusal is given. Books that
 * wait until what comes before them is read are settled in the stream: only there it can be.
 */
export async function openEventStream(
  { hub, now, settle }: EventStreamOwner,
  topics: readonly ClientTopic[],
): Promise<ReadableStream<Uint8Array> | Refusal> {
  const stream = new EventStream(() => hub.remove(client))
  const client = hub.add(stream, false, now())
  const answers = distinctTopics(topics).map(
    (topic) =>
      new Promise<TopicFault | null>((resolve) => {
        const settled = (refusal: TopicRefusal | null) =>
          resolve(refusal === null ? null : { index: topics.indexOf(topic), ...refusal })
        const requests = hub.subscribe(client, [topic], now(), settled)
        if (!requests.some((request) => request.topic === topic)) resolve(null)
        settle(client, requests)
      }),
  )
  const faults = (await Promise.all(answers)).filter((answer) => answer !== null)
  const refused = refusal(faults, topics.length)
  if (refused === undefined) return stream.body
  hub.remove(client)
  return refused
}

/** What is wrong with one of the topics. */
interface TopicFault {
  readonly index: number
  readonly code: StreamErrorCode
  readonly detail: string
}

/**
 * The first fault says what it is: the codes that only streams have are details of an invalid request here.
 * @param count how many topics were asked for: one that is alone needs no number
 */
function refusal(faults: readonly TopicFault[], count: number): Refusal | undefined {
  const errors = faults.map(
    ({ index, detail }): FieldError => ({ path: count === 1 ? 'topic' : `topic[${index}]`, message: detail }),
  )
  const [[first], [error]] = [faults, errors]
  if (first === undefined || error === undefined) return undefined
  const code = errorCodes.find((known) => known === first.code) ?? 'invalid_request'
  return { ok: false, code, detail: `${error.path}: ${error.message}`, errors }
}

function refuseAll(message: string): Refusal {
  return { ok: false, code: 'invalid_request', detail: `topic: ${message}`, errors: [{ path: 'topic', message }] }
}
