import type { StreamFrame } from '../exchanges/stream.ts'
import type { Upstream } from './upstream.ts'
import type { Asked, UpstreamSocket } from './upstream-socket.ts'
import { topicsOn } from './upstream-stream.ts'

type Acknowledgement = Extract<StreamFrame, { readonly kind: 'ack' }>
type Rejection = Extract<StreamFrame, { readonly kind: 'rejected' }>

/** The exchange has done what it was asked over a socket: streams begin, and their topics are told. */
export function acknowledge(
  socket: UpstreamSocket,
  { requestId, streams, undone }: Acknowledgement,
  now: number,
): void {
  // Without an id the list is of all that is subscribed, whatever the request was.
  const isWholeList = requestId === null && streams !== null && undone !== true
  const asked = socket.answered(requestId, isWholeList || undone === true ? null : streams)
  if (asked?.verb === 'unsubscribe' && !isWholeList) return
  if (undone === true && asked !== undefined) askForOthers(socket, asked, streams ?? [])
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
  if (undone === true && asked !== undefined) askForOthers(socket, asked, refused)
  for (const name of refused) {
    const stream = socket.streams.get(name)
    if (stream !== undefined) upstream.refuse(stream, socket, reason, now)
  }
}

/** Nothing of a request was done, because of some that it names: the others are asked for again. */
function askForOthers(socket: UpstreamSocket, asked: Asked, named: readonly string[]): void {
  const others = asked.names.filter((name) => !named.includes(name))
  // Asked for as it was, a request would be answered as it was, for ever: what names none of it leaves it to time.
  if (others.length < asked.names.length) socket.subscribe(others.filter((name) => socket.streams.has(name)))
}
