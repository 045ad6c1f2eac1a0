import { describe, expect, it } from 'vitest'
import { Play, type PlayedSocket, SECOND } from './session.ts'

const SYMBOLS = ['A0', 'A1', 'A2'] as const

/** Bybit has the trades of each symbol on an open socket, and has not answered that it does. */
function unanswered(): { played: Play; socket: PlayedSocket; refuse: (words: string) => void } {
  const played = new Play('bybit', { isHelpful: false })
  played.demand(...SYMBOLS.map((symbol) => `trades:bybit:${symbol}-USDT`))
  const socket = played.openNext()
  const refuse = (ret_msg: string) => {
    const { req_id } = JSON.parse(socket.sent.at(-1)?.frame ?? '')
    played.frame(JSON.stringify({ success: false, ret_msg, req_id, op: 'subscribe' }))
  }
  return { played, socket, refuse }
}

/** What was asked in each message. */
function requests({ sent }: PlayedSocket): { verb: string; names: string[] }[] {
  return sent
    .map(({ frame }) => JSON.parse(frame))
    .filter(({ op }) => op !== 'ping')
    .map(({ op, args }) => ({ verb: op, names: args }))
}

describe('a request of which Bybit has one stream already', () => {
  it('is made again at once for the others', () => {
    const { played, socket, refuse } = unanswered()
    refuse('error:already subscribed,topic:publicTrade.A1USDT')
    played.wait(SECOND)
    const all = SYMBOLS.map((symbol) => `publicTrade.${symbol}USDT`)
    expect(requests(socket)).toEqual([
      { verb: 'subscribe', names: all },
      { verb: 'subscribe', names: all.filter((name) => name !== 'publicTrade.A1USDT') },
    ])
    const { req_id } = JSON.parse(socket.sent.at(-1)?.frame ?? '')
    played.frame(JSON.stringify({ success: true, ret_msg: '', req_id, op: 'subscribe' }))
    played.wait(60 * SECOND, () => played.frame('{"success":true,"ret_msg":"pong","op":"ping"}'))
    expect(requests(socket)).toHaveLength(2)
    expect(played.status).toMatchObject({ state: 'live', reconnects: 0, rejected: [] })
  })

  it('is not made again and again where the stream that is named was none of it', () => {
    const { played, socket, refuse } = unanswered()
    let answered = 0
    played.wait(20 * SECOND, () => {
      if (answered === socket.sent.length) return
      answered = socket.sent.length
      refuse('error:already subscribed,topic:publicTrade.B0USDT')
    })
    expect(requests(socket)).toHaveLength(1)
  })
})

describe('an answer that comes after a request was made once more', () => {
  const TRADES = 'trades:okx:BTC-USDT'
  const LATE_MS = 35 * SECOND

  it('begins its stream: nothing is told twice, and nothing as missing', () => {
    const played = new Play('okx', { isHelpful: false })
    played.demand(TRADES)
    const socket = played.openNext()
    const due: { readonly at: number; readonly frame: string }[] = []
    let seen = 0
    let id = 0
    // Nothing of what is asked is done before it is answered, and all of it is answered as late.
    played.wait(3 * 60 * SECOND, () => {
      for (; seen < socket.sent.length; seen++) {
        const { at, frame } = socket.sent[seen] ?? { at: 0, frame: 'ping' }
        due.push({ at: frame === 'ping' ? at : at + LATE_MS, frame })
      }
      for (const one of due.filter(({ at }) => at <= played.now)) {
        due.splice(due.indexOf(one), 1)
        for (const answer of played.protocol.answer(one.frame, socket.subscribed)) played.frame(answer)
      }
      id += 1
      if (socket.subscribed.has('trades-all:BTC-USDT')) played.trade('BTC-USDT', id)
    })
    const asked = socket.sent.filter(({ frame }) => frame !== 'ping').map(({ frame }) => JSON.parse(frame).op)
    expect(asked).toEqual(['subscribe', 'unsubscribe', 'subscribe'])
    const told = played.ids(TRADES)
    const begin = LATE_MS / SECOND
    expect(told).toEqual(Array.from({ length: id - begin + 1 }, (_, n) => begin + n))
    // Nothing came for long, which is true.
    expect(played.told(TRADES).flatMap(({ type }) => (type === 'trade' ? [] : [type]))).toEqual(['stale'])
    expect(played.of('ask-trades')).toEqual([])
    expect(played.status).toMatchObject({ state: 'live', reconnects: 0, rejected: [], lastError: null })
  })
})
