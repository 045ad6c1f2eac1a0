import { type Cells, needFlag } from './decode-frame.ts'
import { NO_REASON, shorten, textField } from './outcome.ts'
import type { StreamFrame } from './stream.ts'

/**
 * `{"success":true,"ret_msg":"subscribe","conn_id":"…","req_id":"1","op":"subscribe"}`; a `ping` is answered in the same
 * form, or with `{"op":"pong","args":["1672916271846"],"conn_id":"…"}`.
 * https://bybit-exchange.github.io/docs/v5/ws/connect
 */
export function readBybitReply(message: Cells): StreamFrame {
  const op = textField(message, 'op')
  if (op === 'pong' || (op === 'ping' && message['success'] !== false)) return { kind: 'heartbeat', reply: null }
  const requestId = readRequestId(message)
  if (needFlag(message['success'], 'success')) return { kind: 'ack', requestId, streams: null }
  const reason = textField(message, 'ret_msg') || textField(message, 'retMsg')
  const [, known] = ALREADY_SUBSCRIBED.exec(reason) ?? []
  if (known !== undefined) return { kind: 'ack', requestId, streams: [known], undone: true }
  const [, named] = NAMED_TOPIC.exec(reason) ?? []
  return {
    kind: 'rejected',
    requestId,
    streams: named === undefined ? null : [named],
    code: textField(message, 'retCode') || null,
    reason: shorten(reason) || NO_REASON,
    undone: true,
  }
}

/** What we have is had, and nothing else of the request is done: `error:already subscribed,topic:kline.1.BTCUSDT` */
const ALREADY_SUBSCRIBED = /already subscribed,\s*topic:\s*([^\s,\]]+)/
/**
 * `error:handler not found,topic:orderbook.50.NOPEUSDT`, `Invalid symbol :[tickers.NOPEUSDT]` and
 * `Invalid topic: tickers.NOPEUSDT`; not `args size >10`, which names none.
 */
const NAMED_TOPIC = /(?:topic|symbol)\s*:\s*\[?([A-Za-z]+\.[^\s,\]]+)/

/** The `req_id` that our request had; `null` for what is none of ours. */
function readRequestId(message: Cells): number | null {
  const id = textField(message, 'req_id')
  return /^\d{1,15}$/.test(id) ? Number(id) : null
}
