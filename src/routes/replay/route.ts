import { createRoute, z } from '@hono/zod-openapi'
import { invalidField } from '../../domain/errors.ts'
import { formatZvtId, type SymbolQuery } from '../../domain/instrument.ts'
import { Replay } from '../../live/replay.ts'
import { ReplayClient } from '../../live/replay-client.ts'
import { pacedFrom, UNPACED } from '../../live/replay-pace.ts'
import type { CatalogEntry } from '../../store/catalog.ts'
import { type AppContext, createRouter } from '../context.ts'
import { bookmarkParameter } from '../headers.ts'
import { NO_STORE } from '../live.ts'
import { anyExchangeParam, findInstrument, symbolParam } from '../params.ts'
import { problemResponses } from '../responses.ts'
import { type ReplayQuery, replayQuery } from './query.ts'
import { planSources } from './sources.ts'
import { describeFailure, ndjsonOf, sleep } from './transport.ts'

const route = createRoute({
  method: 'get',
  path: '/v1/replay/{exchange}/{symbol}',
  summary: 'Stored data as the live stream sends it',
  description:
    'Trades and closed candles of a window as the messages of `/v1/stream` (see `/asyncapi.json`), merged by `receivedTime`; ' +
    'a candle comes when it was final: at its close and the settling time. An ingested trade comes no later than the ' +
    'settling time after its `exchangeTime`, as it may have been sent in much later: its `receivedTime` is told as stored. ' +
    'Over a WebSocket in frames, else as NDJSON, a message a line. First `subscribed` for each channel, its `epoch` ' +
    'beginning with `replay-`; each missing range is a `gap`, `from` up to and without `to`; the last message is `end`, ' +
    'and an `error` in its place means that the replay broke off. Over a WebSocket answer each `ping` with ' +
    '`{"op":"pong","id":...}`: no more than 1 MB is sent beyond. It begins at once; a `subscribe` to one of its channels ' +
    'is answered with `subscribed` and the present `seq`, to anything else with an `error`; `configure` is answered and ' +
    'changes nothing, as what is replayed is never merged.',
  tags: ['Live'],
  parameters: [bookmarkParameter],
  request: { params: z.object({ exchange: anyExchangeParam, symbol: symbolParam }), query: replayQuery },
  responses: {
    101: { description: 'A WebSocket, where one is asked for; closed with 1000 after `end`' },
    200: {
      description: 'A message a line, whatever `Accept` says',
      content: { 'application/x-ndjson': { schema: z.string() } },
    },
    ...problemResponses(400, 404, 422, 503),
  },
})

export const replayRouter = createRouter()

replayRouter.openapi(route, async (c) => {
  const { exchange, symbol } = c.req.valid('param')
  const query = c.req.valid('query')
  if (query.end > c.var.deps.clock.now()) throw invalidField('end', 'must not lie in the future')
  const entry = await findInstrument(c, exchange, symbol)
  const sources = await planSources(c, exchange, entry, query)
  const stop = new AbortController()
  const { instrument } = entry
  const replay = new Replay({
    exchange,
    symbol: instrument.symbol,
    exchangeSymbol: instrument.exchangeSymbol,
    window: query,
    sources,
    pace: paceOf(c, query, stop.signal),
  })
  if (c.req.header('Upgrade')?.toLowerCase() === 'websocket') return upgrade(c, entry, symbol, replay, stop)
  // `no-transform`: what is compressed on the way is held back until there is enough of it.
  const headers = { 'Content-Type': 'application/x-ndjson', 'Cache-Control': `${NO_STORE}, no-transform` }
  return new Response(ndjsonOf(replay, stop), { headers })
})

function paceOf(c: AppContext, { speed, start }: ReplayQuery, signal: AbortSignal) {
  return speed === 'max' ? UNPACED : pacedFrom(start, speed, c.var.deps.clock, (ms) => sleep(ms, signal))
}

/**
 * The socket ends here, not at an object: nobody shares a replay. What serves it lives as long as it is open.
 * https://developers.cloudflare.com/workers/runtime-apis/websockets/
 */
function upgrade(
  c: AppContext,
  { instrument }: CatalogEntry,
  asked: SymbolQuery,
  replay: Replay,
  stop: AbortController,
): Response {
  const { clock, newId } = c.var.deps
  const { exchange, symbol, kind, base, quote } = instrument
  // What it is called in the URL may be an earlier name of it.
  const urlNames = asked.by === 'symbol' ? [asked.symbol] : []
  const { 0: theirs, 1: ours } = new WebSocketPair()
  const client = new ReplayClient(
    { send: (text) => ours.send(text), close: (code, reason) => ours.close(code, reason) },
    replay,
    {
      exchange,
      symbol,
      aliases: new Set([formatZvtId(exchange, kind, base + quote), ...urlNames]),
      clock,
      newPingId: () => Number.parseInt(newId().slice(0, 7), 16),
      sleep,
      onEnd: () => stop.abort(),
      describeFailure,
    },
  )
  ours.accept()
  ours.addEventListener('message', ({ data }) => client.receive(data))
  ours.addEventListener('close', () => client.gone())
  ours.addEventListener('error', () => client.gone())
  void client.run()
  return new Response(null, { status: 101, webSocket: theirs })
}
