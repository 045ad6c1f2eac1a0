import type { StreamLimits } from '../exchanges/stream.ts'
import type { UpstreamSocket } from './upstream-socket.ts'
import { topicsOn, type UpstreamStream } from './upstream-stream.ts'

/** A socket is replaced this long before the exchange would end it. */
const LEAD_MS = 10 * 60_000
/** Both sockets are heard for so long, so that what one has delivered the other has too. */
const OVERLAP_MS = 2_000
/** A stream that is not heard on the new socket within this time moves all the same: it is quiet. */
const PATIENCE_MS = 60_000
/** What the new socket did not get stays on the old one, and is tried again after this: four times before it ends. */
const AGAIN_MS = 2 * 60_000

/** Whether another socket is to take over from this one. */
export function needsRotation(
  { isClosing, openedAt, leftBehindAt }: UpstreamSocket,
  { maxAgeMs }: StreamLimits,
  now: number,
): boolean {
  if (leftBehindAt !== null && now - leftBehindAt < AGAIN_MS) return false
  if (isClosing) return true
  return maxAgeMs !== null && openedAt !== null && now - openedAt > maxAgeMs - Math.min(LEAD_MS, maxAgeMs / 2)
}

/** Whether the socket that it replaces can go: nothing is missed by that. */
export function isRotated(socket: UpstreamSocket, now: number): boolean {
  const { replaces, openedAt } = socket
  if (replaces === null || openedAt === null) return false
  const moving = [...replaces.streams.values()].filter(({ successor }) => successor === socket)
  return now - openedAt > PATIENCE_MS || moving.every((stream) => isHeard(stream, now))
}

/** Both carry what the old one carries, until `endRotation`. */
export function beginRotation(old: UpstreamSocket, replacement: UpstreamSocket): void {
  replacement.replaces = old
  old.replacement = replacement
  for (const stream of old.streams.values()) stream.follow(replacement)
  replacement.subscribe([...old.streams.keys()])
}

/**
 * What the old socket carries moves to the one that replaces it. @returns whether the old one can go: what the exchange
 * refused to the new one stays where it is
 */
export function endRotation(old: UpstreamSocket, replacement: UpstreamSocket, now: number): boolean {
  replacement.replaces = old.replacement = null
  const moving = [...old.streams.values()].filter(({ successor }) => successor === replacement)
  for (const stream of moving) inherit(stream, old, now)
  if (old.streams.size === 0) return true
  old.leftBehindAt = now
  old.unsubscribe(moving.map(({ name }) => name))
  return false
}

/** The successor carries the stream from now on; where it has not delivered it yet, something may be missing. */
export function inherit(stream: UpstreamStream, from: UpstreamSocket, now: number): void {
  const heir = stream.inherit(now) ? (stream.socket?.id ?? null) : null
  for (const topic of topicsOn(stream)) topic.lost(from.id, now, heir, stream)
}

/** The successor is gone, or does not get it: the socket that carries the stream goes on alone. */
export function stay(stream: UpstreamStream, successor: UpstreamSocket, now: number): void {
  stream.stay()
  for (const topic of topicsOn(stream)) topic.lost(successor.id, now, stream.socket?.id ?? null, stream)
}

function isHeard({ isSignOfLife, isReady, heardAt }: UpstreamStream, now: number): boolean {
  if (isSignOfLife) return isReady
  return heardAt !== null && now - heardAt >= OVERLAP_MS
}
