import type { HubClient } from './hub-client.ts'

/**
 * What clients may hold together of the 128 MB of an object, characters: both what is certain, and all that they have
 * not acknowledged where their answers are overdue.
 */
export const MOST_HELD = 32 * 1_024 * 1_024

export interface Relief {
  /** What was sent to clients and may be unread. */
  readonly unacknowledged: number
  /** Those that were given up. */
  readonly lost: readonly HubClient[]
}

/**
 * Where clients together hold more than they may, the slowest of them are told to be slow, and given up where they were
 * already: first those that hold most for certain, then those that have owed an answer for longest.
 */
export function relieve(clients: Iterable<HubClient>, now: number): Relief {
  const outsiders: HubClient[] = []
  let [held, unacknowledged] = [0, 0]
  for (const client of clients) {
    if (client.isInternal || !client.queue.isOpen) continue
    outsiders.push(client)
    held += client.queue.held
    unacknowledged += client.queue.unacknowledged
  }
  const largest = () => outsiders.toSorted((a, b) => b.queue.held - a.queue.held)
  const lost = held > MOST_HELD ? slowDown(largest(), held, ({ queue }) => queue.held) : []
  for (const { queue } of lost) unacknowledged -= queue.unacknowledged
  if (unacknowledged > MOST_HELD) {
    // Whoever answers has read what was sent, however much is under way.
    const overdue = outsiders.filter(({ queue }) => queue.isOpen && queue.isOverdue(now))
    overdue.sort((a, b) => a.queue.behindSince - b.queue.behindSince)
    const given = slowDown(overdue, unacknowledged, ({ queue }) => queue.unacknowledged)
    for (const { queue } of given) unacknowledged -= queue.unacknowledged
    lost.push(...given)
  }
  return { unacknowledged, lost }
}

/**
 * @param slowest as many of the first as it takes
 * @param total what all clients hold, by `sizeOf`
 * @returns those that were given up
 */
function slowDown(slowest: readonly HubClient[], total: number, sizeOf: (client: HubClient) => number): HubClient[] {
  const lost: HubClient[] = []
  let rest = total
  for (const client of slowest) {
    if (rest <= MOST_HELD) break
    rest -= sizeOf(client)
    if (client.queue.isSlow) {
      client.queue.giveUp()
      lost.push(client)
    } else {
      client.queue.slowDown()
    }
  }
  return lost
}
