import type { RegionHint } from '../exchanges/connector.ts'

/**
 * The region of the relay that serves a continent. There are no objects in Antarctica.
 * https://developers.cloudflare.com/durable-objects/reference/data-location/#provide-a-location-hint
 */
const regions: ReadonlyMap<string, RegionHint> = new Map<ContinentCode, RegionHint>([
  ['AF', 'afr'],
  ['AN', 'oc'],
  ['AS', 'apac'],
  ['EU', 'weur'],
  ['NA', 'enam'],
  ['OC', 'oc'],
  ['SA', 'sam'],
])

/** Where nothing is known of the client: on a machine of one's own. */
const DEFAULT_REGION: RegionHint = 'weur'

/** @param continent as Cloudflare names it; `undefined` where it does not know */
export function regionOfContinent(continent: string | undefined): RegionHint {
  return regions.get(continent ?? '') ?? DEFAULT_REGION
}

/**
 * Which of `relays` a client gets, from 0: always the same for the same client.
 *
 * @param client its address and, of a socket, its handshake's key: an office of a thousand people has one address, and
 *   is spread over all relays by the keys, which are random; a stream without a key (SSE) stays where it was when it reconnects
 */
export function relayIndex(client: string, relays: number): number {
  // FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/
  let hash = 0x811c9dc5
  for (let index = 0; index < client.length; index++) {
    hash = Math.imul(hash ^ client.charCodeAt(index), 0x01000193)
  }
  return (hash >>> 0) % relays
}
