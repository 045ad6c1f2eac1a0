import { type Cells, ignored, needRecord, needText } from './decode-frame.ts'
import { shorten, textField } from './outcome.ts'
import type { StreamFrame } from './stream.ts'

/** What OKX says beside data: acks, errors and news. */

/** `{"event":"subscribe","arg":{"channel":"tickers","instId":"BTC-USDT"},"connId":"a4d3ae55","id":"1512"}` */
export function readOkxEvent(message: Cells): StreamFrame {
  const event = needText(message['event'], 'event')
  switch (event) {
    case 'subscribe':
    case 'unsubscribe': {
      const name = streamName(needRecord(message['arg'], 'arg'))
      return { kind: 'ack', requestId: readRequestId(message), streams: [name] }
    }
    case 'error':
      return readError(message)
    case 'channel-conn-count-error':
      return { kind: 'rejected', requestId: null, streams: null, code: null, reason: 'too many connections' }
    case 'notice':
      return readNotice(message)
    default:
      return ignored(shorten(event))
  }
}

/** Ends the socket for an upgrade, which its text announces: https://www.okx.com/docs-v5/en/#overview-websocket-notification */
const CLOSING_NOTICE = '64008'

function readNotice(message: Cells): StreamFrame {
  const reason = shorten(`notice ${textField(message, 'code')} ${textField(message, 'msg')}`)
  return textField(message, 'code') === CLOSING_NOTICE
    ? { kind: 'ignored', reason, closing: true }
    : { kind: 'ignored', reason }
}

/** `Wrong URL or channel:candle1m,instId:BTC-USD-SWAP doesn't exist. Please use the correct URL, channel and parameters…` */
const NAMED_STREAM = /channel:([\w-]+),inst(?:Id|Type):([^\s,]+)/
/** `Illegal request: {"id":"1","op":"subscribe","args":["…"]}` */
const NAMED_REQUEST = /^Illegal request: .*"id"\s*:\s*"(\d{1,15})"/

/**
 * `Requests too frequent`: a socket may make 480 requests an hour, so that this will last.
 * https://www.okx.com/docs-v5/en/#error-code-websocket-public
 */
const TOO_FREQUENT = '60014'
const TOO_FREQUENT_MS = 60_000

/** https://www.okx.com/docs-v5/en/#error-code-websocket-public */
function readError(message: Cells): StreamFrame {
  const code = textField(message, 'code')
  const text = textField(message, 'msg')
  const [, channel, instrument] = NAMED_STREAM.exec(text) ?? []
  const [, id] = NAMED_REQUEST.exec(text) ?? []
  return {
    kind: 'rejected',
    requestId: readRequestId(message) ?? (id === undefined ? null : Number(id)),
    streams: channel === undefined || instrument === undefined ? null : [`${channel}:${instrument}`],
    code: code || null,
    reason: shorten(text),
    ...(code === TOO_FREQUENT ? { retryAfterMs: TOO_FREQUENT_MS } : {}),
  }
}

/** The `id` that our request had; `null` for what is none of ours. */
function readRequestId(message: Cells): number | null {
  const id = textField(message, 'id')
  return /^\d{1,15}$/.test(id) ? Number(id) : null
}

/** `trades-all:BTC-USDT`, `liquidation-orders:SWAP`: a channel and what it is about. */
export function streamName(arg: Cells): string {
  const channel = needText(arg['channel'], 'arg.channel')
  const subject = textField(arg, 'instId') || textField(arg, 'instFamily') || textField(arg, 'instType')
  return subject === '' ? channel : `${channel}:${subject}`
}
