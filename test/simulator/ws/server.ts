/** Upgrades of a simulated exchange's HTTP servers: faults and limits first, then the handshake, then the hub. */

import { type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { Counters } from '../control.ts'
import type { ExchangeState } from '../exchange-state.ts'
import { faultReply } from '../fault-reply.ts'
import { type ExchangeHost, json, type Reply } from '../protocol.ts'
import type { StreamHub } from './hub.ts'
import type { StreamEndpoint, StreamTarget } from './protocol.ts'

const handshakes = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false })

/** Lets a server of the exchange take WebSocket connections at its endpoints. */
export const serveStreams = (
  server: Server,
  state: ExchangeState,
  host: ExchangeHost,
  hub: StreamHub,
  counters: Counters,
): void => {
  server.on('upgrade', (message, socket, head) => {
    // A client that goes away meanwhile.
    socket.on('error', () => socket.destroy())
    const [path = '/', search = ''] = (message.url ?? '/').split('?', 2)
    const client = message.socket.remoteAddress ?? ''
    const target: StreamTarget = { path, host: host.host, symbol: undefined, interval: undefined, channel: 'control' }
    const now = state.now()
    const endpoint = hub.endpoints.find((known) => known.host === host.host && known.accepts(path))
    counters.begin(path)
    if (state.faults.take('hang', target, now)) {
      counters.upgraded(path, now, null)
      return
    }
    if (state.faults.take('refuse', target, now)) {
      counters.upgraded(path, now, null)
      message.socket.resetAndDestroy()
      return
    }
    const refusal = endpoint ? refusalOf(state, host, hub, endpoint, target, client) : json({ error: 'not found' }, 404)
    counters.upgraded(path, now, refusal?.status ?? SWITCHING_PROTOCOLS)
    if (!endpoint || refusal) {
      if (refusal) refuse(socket, refusal)
      return
    }
    handshakes.handleUpgrade(message, socket, head, (opened) => {
      const request = { path: decoded(path), query: new URLSearchParams(search) }
      hub.accept(endpoint, { socket: opened, wire: socket, target, client }, request)
    })
  })
}

const SWITCHING_PROTOCOLS = 101

/** Faults first, as they come from a network in front of the exchange; then limits. */
const refusalOf = (
  state: ExchangeState,
  host: ExchangeHost,
  hub: StreamHub,
  endpoint: StreamEndpoint,
  target: StreamTarget,
  client: string,
): Reply | undefined => {
  const now = state.now()
  if (state.faults.take('geo-block', target, now)) return host.geoBlock()
  const status = state.faults.take('status', target, now)
  // Over REST Bybit spells some in a body: an upgrade has nothing but its status.
  if (status) return { ...faultReply(status, host), status: status.status }
  const refusedUntil = hub.refusedUntil(endpoint, client)
  return refusedUntil === undefined ? undefined : tooMany(host, refusedUntil - now)
}

const tooMany = (host: ExchangeHost, waitMs: number): Reply => {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000))
  const reply = host.failure(429, seconds)
  return { ...reply, status: 429, headers: { ...reply.headers, 'Retry-After': String(seconds) } }
}

const decoded = (path: string): string => {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

const refuse = (socket: Duplex, { status, body, headers, contentType }: Reply): void => {
  const lines = Object.entries({
    'Content-Type': contentType ?? 'application/json;charset=UTF-8',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`)
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, '', body].join('\r\n'))
}
