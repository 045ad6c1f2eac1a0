/** The plumbing of a simulated exchange: HTTP in, faults and limits in the way, the exchange's own handlers behind. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { applyControl, Counters, describeControl } from './control.ts'
import type { ExchangeState } from './exchange-state.ts'
import { faultReply } from './fault-reply.ts'
import { type ExchangeHost, type ExchangeRequest, Refusal, type Reply, type Target } from './protocol.ts'
import { answerTruth } from './truth.ts'
import type { StreamHub } from './ws/hub.ts'
import { serveStreams } from './ws/server.ts'

const MAX_CONTROL_BYTES = 1_000_000
/** The body of the garbage fault: neither JSON nor UTF-8 of any use. */
const GARBAGE = '\u0000\u0007{"a":[1,,<!doctype �\u0001 retMsg'

interface Exchange {
  readonly state: ExchangeState
  readonly hosts: readonly ExchangeHost[]
  readonly hub: StreamHub
  readonly counters: Counters
}

/** One server a host of the exchange, for requests and streams, not listening yet; they share state and control. */
export const createExchangeServers = (
  state: ExchangeState,
  hosts: readonly ExchangeHost[],
  hub: StreamHub,
): Server[] => {
  const exchange: Exchange = { state, hosts, hub, counters: new Counters() }
  return hosts.map((host) => {
    const server = createServer((message, response) => {
      handle(exchange, host, message, response).catch((cause: unknown) => {
        console.error(cause)
        response.writeHead(500).end()
      })
    })
    // A load generator keeps its connections: Node's 5 s would close them under its hands.
    server.keepAliveTimeout = 60_000
    serveStreams(server, state, host, hub, exchange.counters)
    return server
  })
}

const handle = async (
  exchange: Exchange,
  host: ExchangeHost,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const { state, counters } = exchange
  const [path = '/', search = ''] = (message.url ?? '/').split('?', 2)
  const client = message.socket.remoteAddress ?? ''
  if (path.startsWith('/_')) {
    const body = message.method === 'POST' ? await readBody(message) : undefined
    return send(response, internal(exchange, path, new URLSearchParams(search), body, client))
  }
  const query = new URLSearchParams(search)
  const request = { path: decoded(path), query, client, userAgent: message.headers['user-agent'] }
  counters.begin(request.path)
  let status: number | null = null
  try {
    const { faults } = state
    const target = host.target(request)
    if (faults.take('hang', target, state.now())) return
    const delay = faults.take('delay', target, state.now())
    if (delay) await new Promise((resolve) => setTimeout(resolve, state.clock.realMs(delay.ms)))
    const reply = state.atOneMoment(() => dated(state, answer(state, host, request, target)))
    status = reply.status
    send(response, reply)
  } finally {
    counters.end(status)
  }
}

const decoded = (path: string): string => {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** Faults first, as they come from a network in front of the exchange; then limits; then the exchange. */
const answer = (state: ExchangeState, host: ExchangeHost, request: ExchangeRequest, target: Target): Reply => {
  const { faults } = state
  const now = state.now()
  if (faults.take('geo-block', target, now)) return host.geoBlock()
  const status = faults.take('status', target, now)
  if (status) return faultReply(status, host)
  const { refusal, headers } = state.limitsEnabled ? host.admit(request) : {}
  const reply = refusal ?? guarded(() => host.answer(request))
  return spoilt(state, target, { ...reply, headers: { ...reply.headers, ...headers } })
}

/** With the time at which the answer was made, which clients take for the exchange's clock. */
const dated = (state: ExchangeState, reply: Reply): Reply => ({
  ...reply,
  headers: { Date: new Date(state.now()).toUTCString(), ...reply.headers },
})

const spoilt = (state: ExchangeState, target: Target, reply: Reply): Reply => {
  const now = state.now()
  const truncate = state.faults.take('truncate', target, now)
  if (truncate) return { ...reply, body: reply.body.slice(0, Math.floor(reply.body.length * truncate.share)) }
  return state.faults.take('garbage', target, now) ? { ...reply, body: GARBAGE } : reply
}

const internal = (
  { state, hosts, hub, counters }: Exchange,
  path: string,
  query: URLSearchParams,
  body: string | undefined,
  client: string,
): Reply =>
  state.atOneMoment(() =>
    guarded(() => {
      if (path !== '/_control') return answerTruth(state, path, query)
      return body === undefined
        ? describeControl(state, hub, counters)
        : applyControl(state, hosts, hub, counters, body, client)
    }),
  )

/** The body of a control request, cut off where it is longer than any could be. */
const readBody = async (message: IncomingMessage): Promise<string> => {
  let body = ''
  message.setEncoding('utf8')
  for await (const chunk of message) if (body.length < MAX_CONTROL_BYTES) body += chunk
  return body
}

/** A refusal is an answer like any other. */
const guarded = (work: () => Reply): Reply => {
  try {
    return work()
  } catch (error) {
    if (error instanceof Refusal) return error.reply
    throw error
  }
}

const send = (response: ServerResponse, { status, body, headers, contentType }: Reply): void => {
  const bytes = Buffer.from(body)
  response.sendDate = false
  response.writeHead(status, {
    'Content-Type': contentType ?? 'application/json;charset=UTF-8',
    'Content-Length': bytes.length,
    ...headers,
  })
  response.end(bytes)
}
