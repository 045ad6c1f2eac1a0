import type { StreamLimits } from '../exchanges/stream.ts'
import type { UpstreamSocket } from './upstream-socket.ts'
import type { UpstreamStream } from './upstream-stream.ts'

/** A socket is replaced this long before the exchange would end it. */
const LEAD_MS = 10 * 60_000
/** Both sockets are heard for so long, so that what one has delivered the other has too. */
const OVERLAP_MS = 2_000
/** A stream that is not heard on the new socket within this time moves all the same: it is quiet. */
const PATIENCE_MS = 60_000

/** Whether another socket is to take over from this one. */
export function needsRotation({ isClosing, openedAt }: UpstreamSocket, { maxAgeMs }: StreamLimits, now: number) {
  if (isClosing) return true
  return maxAgeMs !== null && openedAt !== null && now - openedAt > maxAgeMs - Math.min(LEAD_MS, maxAgeMs / 2)
}

/** Whether the socket that it replaces can go: nothing is missed by that. */
export function isRotated(socket: UpstreamSocket, now: number): boolean {
  const { replaces, openedAt } = socket
  if (replaces === null || openedAt === null) return false
  return now - openedAt > PATIENCE_MS || [...replaces.streams.values()].every((stream) => isHeard(stream, now))
}

function isHeard({ isSignOfLife, isReady, heardAt }: UpstreamStream, now: number): boolean {
  if (isSignOfLife) return isReady
  return heardAt !== null && now - heardAt >= OVERLAP_MS
}
