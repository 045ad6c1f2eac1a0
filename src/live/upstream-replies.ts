import type { StreamFrame } from '../exchanges/stream.ts'
import type { Upstream } from './upstream.ts'
import type { UpstreamSocket } from './upstream-socket.ts'
import { topicsOn } from './upstream-stream.ts'

type Acknowledgement = Extract<StreamFrame, { readonly kind: 'ack' }>
type Rejection = Extract<StreamFrame, { readonly kind: 'rejected' }>

/** The exchange has done what it was asked over a socket: streams begin, and their topics are told. */
export function acknowledge(socket: UpstreamSocket, { requestId, streams }: Acknowledgement, now: number): void {
  // Without an id the list is of all that is subscribed, whatever the request was.
  const isWholeList = requestId === null && streams !== null
  const asked = socket.answered(requestId, isWholeList ? null : streams)
  if (asked?.verb === 'unsubscribe' && !isWholeList) return
  for (const name of streams ?? asked?.names ?? []) {
    const stream = socket.streams.get(name)
    if (stream?.acknowledged(now, socket) !== true) continue
    for (const topic of topicsOn(stream)) topic.subscribed(socket.id, now)
  }
}

/** One stream that is refused costs only itself: where the exchange does not say which, halves are tried. */
export function refuse(upstream: Upstream, socket: UpstreamSocket, rejection: Rejection, now: number): void {
  const { requestId, streams, reason, undone, retryAfterMs } = rejection
  if (retryAfterMs !== undefined) {
    // Nothing is wrong with what was asked for: apart, it would only be more requests.
    upstream.lastError = `${socket.endpoint.name}: ${reason}`
    socket.askAgain(requestId, now + retryAfterMs)
    return
  }
  const isOneOfSeveral = streams !== null && undone !== true && requestId !== null
  const asked = socket.answered(requestId, isOneOfSeveral ? streams : null)
  upstream.lastError = `${socket.endpoint.name}: ${reason}`
  if (asked?.verb === 'unsubscribe') return
  const names = (asked?.names ?? []).filter((name) => socket.streams.has(name))
  if (streams === null && names.length > 1) {
    const middle = names.length >> 1
    socket.subscribeApart(names.slice(0, middle))
    socket.subscribeApart(names.slice(middle))
    return
  }
  const refused = streams ?? names
  if (undone === true) socket.subscribe(names.filter((name) => !refused.includes(name)))
  for (const name of refused) {
    const stream = socket.streams.get(name)
    if (stream !== undefined) upstream.refuse(stream, socket, reason, now)
  }
}
