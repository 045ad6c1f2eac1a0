import { describe, expect, it } from 'vitest'
import { connectors, exchangeNames } from '../../src/exchanges/registry.ts'
import { HOUR, MINUTE, Play, type PlayOptions, SECOND, START, topicOf } from './session.ts'

const QUOTES = { binance: 'USDT', okx: 'USDT', bybit: 'USDT', coinbase: 'USD' } as const

function symbols(count: number, quote: string): string[] {
  return Array.from({ length: count }, (_, n) => `A${n}-${quote}`)
}

/** One that waits for trades and has none yet. */
function play(exchange: keyof typeof QUOTES, count = 1, options: PlayOptions = {}): Play {
  const played = new Play(exchange, options)
  played.demand(...symbols(count, QUOTES[exchange]).map((symbol) => `trades:${exchange}:${symbol}`))
  return played
}

describe('the sockets of a feed', () => {
  it('opens none before anything is wanted', () => {
    const played = new Play('okx')
    played.wait(MINUTE)
    expect([...played.sockets]).toEqual([])
    expect(played.status).toMatchObject({ state: 'live', sockets: [] })
  })

  it.each(exchangeNames)('asks %s for what is wanted, in few messages, within its limits', (exchange) => {
    const played = play(exchange, 450)
    played.wait(25 * SECOND)
    const streams = played.open.map(({ subscribed }) => subscribed.size)
    expect(streams.reduce((a, b) => a + b)).toBe(exchange === 'coinbase' ? 900 : 450)
    const { limits } = connectors[exchange].stream
    for (const size of streams) expect(size).toBeLessThanOrEqual(Math.min(200, limits.topicsPerSocket))
    for (const { limit, windowMs, per } of limits.messages) {
      const each = played.open.map(({ sent }) => sent)
      for (const sent of per === 'socket' ? each : [each.flat()])
        for (const { at } of sent)
          expect(sent.filter((other) => other.at >= at && other.at < at + windowMs).length).toBeLessThanOrEqual(limit)
    }
    expect(played.status).toMatchObject({ state: 'live', reconnects: 0 })
  })

  it('waits with further sockets where the exchange counts connects', () => {
    const played = play('coinbase', 500)
    expect(played.sockets.size).toBeLessThanOrEqual(8)
    played.wait(MINUTE)
    for (const { connectedAt } of played.sockets.values()) {
      const sameSecond = [...played.sockets.values()].filter(
        (other) => other.connectedAt >= connectedAt && other.connectedAt < connectedAt + SECOND,
      )
      expect(sameSecond.length).toBeLessThanOrEqual(8)
    }
    expect(played.status.state).toBe('live')
  })

  it('leaves each Coinbase socket a message in time, whatever the others send', () => {
    const played = new Play('coinbase')
    const topics = symbols(800, 'USD').flatMap((symbol) => [
      `trades:coinbase:${symbol}`,
      `ticker:coinbase:${symbol}`,
      `book:coinbase:${symbol}:20`,
    ])
    played.demand(...topics)
    played.wait(30 * SECOND)
    expect(played.sockets.size).toBeGreaterThan(30)
    for (const { connectedAt, sent } of played.sockets.values())
      expect((sent[0]?.at ?? Number.POSITIVE_INFINITY) - connectedAt).toBeLessThan(4 * SECOND)
    const times = [...played.sockets.values()].flatMap(({ sent }) => sent.map(({ at }) => at))
    for (const at of new Set(times))
      expect(times.filter((other) => other >= at && other < at + SECOND).length).toBeLessThanOrEqual(80)
  })

  it('counts the connects to all paths of an address together', () => {
    const played = new Play('okx')
    const all = symbols(1_000, 'USDT')
    played.demand(...all.flatMap((symbol) => [`trades:okx:${symbol}`, `ticker:okx:${symbol}`]))
    played.wait(20 * SECOND)
    const times = [...played.sockets.values()].map(({ connectedAt }) => connectedAt)
    expect(times).toHaveLength(10)
    const { limit, windowMs } = connectors.okx.stream.limits.connects
    for (const at of times)
      expect(times.filter((other) => other >= at && other < at + windowMs).length).toBeLessThanOrEqual(limit)
  })

  it.each([
    ['okx', 'ping', 20],
    ['bybit', '{"op":"ping"}', 20],
  ] as const)('sends %s its heartbeat, however many messages were sent', (exchange, frame, seconds) => {
    const played = play(exchange)
    played.wait(10 * MINUTE, () => played.trade(played.instrument('A0-USDT').exchangeSymbol, played.now))
    const beats = played.socket.sent.filter((sent) => sent.frame === frame)
    expect(beats).toHaveLength(600 / seconds)
  })

  it('gives up a socket that does not even answer heartbeats', () => {
    const played = play('bybit')
    const { socket } = played
    played.isHelpful = false
    played.wait(49 * SECOND)
    expect(socket.state).toBe('open')
    played.wait(2 * SECOND)
    expect(socket).toMatchObject({ state: 'closed', closeReason: 'not even heartbeats come' })
    expect(played.status).toMatchObject({ state: 'connecting', reconnects: 1 })
  })

  it('gives up a Coinbase socket whose signs of life have stopped, and only such a one', () => {
    const played = play('coinbase')
    const { socket } = played
    const beat =
      '{"type":"heartbeat","last_trade_id":1,"product_id":"A0-USD","sequence":1,"time":"2026-01-01T00:00:00Z"}'
    played.wait(10 * MINUTE, () => played.frame(beat))
    expect(socket.state).toBe('open')
    played.wait(31 * SECOND)
    expect(socket).toMatchObject({ state: 'closed', closeReason: 'not even heartbeats come' })
  })

  it('asks once more for a stream that is not answered, then on another socket', () => {
    const played = play('binance', 1, { isHelpful: false })
    const socket = played.openNext()
    played.wait(32 * SECOND)
    expect(socket.sent.map(({ frame }) => JSON.parse(frame).method)).toEqual(['SUBSCRIBE', 'UNSUBSCRIBE', 'SUBSCRIBE'])
    expect(socket.state).toBe('open')
    played.wait(32 * SECOND)
    expect(socket).toMatchObject({ state: 'closed', closeReason: 'a0usdt@aggTrade is not answered' })
  })

  it.each([
    ['okx', '{"event":"error","code":"60014","msg":"Requests too frequent","connId":"a"}', 60],
    ['coinbase', '{"type":"error","message":"Rate limit exceeded"}', 5],
  ] as const)('waits where %s is asked too fast, then asks for the same', (exchange, error, seconds) => {
    const played = play(exchange, exchange === 'okx' ? 100 : 1, { isHelpful: false })
    const socket = played.openNext()
    const requests = () => socket.sent.filter(({ frame }) => frame !== 'ping').map(({ frame }) => frame)
    const first = requests()
    for (const _ of first) played.frame(error)
    for (let second = 1; second < seconds; second++) {
      if (second % 20 === 0) played.frame(exchange === 'okx' ? 'pong' : '{"type":"status"}')
      played.wait(SECOND)
      expect(requests()).toHaveLength(first.length)
    }
    played.isHelpful = true
    played.wait(2 * SECOND)
    expect(requests()).toEqual([...first, ...first])
    played.wait(20 * SECOND)
    expect(requests()).toEqual([...first, ...first])
    expect(played.told(`trades:${exchange}:A0-${QUOTES[exchange]}`, 'gap')).toEqual([])
    expect(played.open).toEqual([socket])
  })

  it('asks again in the order in which it asked', () => {
    const played = play('okx', 1)
    const { socket } = played
    played.trade('A0-USDT', 1)
    played.isHelpful = false
    // Silent though REST has more: asked for anew.
    played.demand('trades:okx:FLOWS-USDT')
    played.newest = () => ({ ok: true, value: { what: 'trade', time: played.now } })
    played.fresh('send')
    played.wait(14 * SECOND, () => played.trade('FLOWS-USDT', played.now))
    const requests = () => played.fresh('send').flatMap(({ frame }) => (frame === 'ping' ? [] : [JSON.parse(frame)]))
    const asked = requests()
    expect(asked.map(({ op }) => op)).toEqual(['unsubscribe', 'subscribe'])
    for (const { id } of asked) played.frame(JSON.stringify({ event: 'error', code: '60014', msg: 'Requests', id }))
    played.newest = () => ({ ok: true, value: { what: 'trade', time: null } })
    played.wait(61 * SECOND, () => {
      played.frame('pong', socket)
      played.trade('FLOWS-USDT', played.now, socket)
    })
    expect(requests()).toEqual(asked)
  })

  it('takes the answer to an unsubscription for no subscription', () => {
    const played = play('binance', 1)
    played.trade('A0USDT', 1)
    played.isHelpful = false
    // Silent though REST has more: asked for anew.
    played.demand('trades:binance:FLOWS-USDT')
    played.newest = () => ({ ok: true, value: { what: 'trade', time: played.now } })
    played.fresh('send')
    played.wait(14 * SECOND, () => played.trade('FLOWSUSDT', played.now))
    const requests = played.fresh('send').map(({ frame }) => JSON.parse(frame))
    expect(requests.map(({ method }) => method)).toEqual(['UNSUBSCRIBE', 'SUBSCRIBE'])
    played.fresh('ask-trades')
    played.frame(JSON.stringify({ result: null, id: requests[0].id }))
    expect(played.fresh('ask-trades')).toEqual([])
    played.frame(JSON.stringify({ result: null, id: requests[1].id }))
    played.wait(6 * SECOND, () => played.trade('FLOWSUSDT', played.now))
    expect(played.fresh('ask-trades')).toMatchObject([{ hole: { afterId: '1' } }])
  })
})

describe('failures to connect', () => {
  it('come ever less often, at most 32 s apart', () => {
    const played = play('okx', 1, { isHelpful: false, random: () => 0.999 })
    played.wait(6 * MINUTE, () => {
      if (played.isConnecting) played.refuse()
    })
    const times = [...played.sockets.values()].map(({ connectedAt }) => connectedAt - START)
    const waits = times.slice(1).map((time, n) => (time - (times[n] ?? 0)) / SECOND)
    expect(waits.slice(0, 6).map(Math.round)).toEqual([2, 3, 5, 9, 17, 33])
    expect(Math.max(...waits)).toBeLessThanOrEqual(33)
  })

  it.each([0, 0.5, 0.999])('never become a storm: an hour of refusals, chance %d', (chance) => {
    let n = 0
    // A chance of nothing now and then is what jitter is; always would be no jitter.
    const played = play('okx', 1, { isHelpful: false, random: () => (chance + n++ * 0.37) % 1 })
    played.wait(HOUR, () => {
      if (played.isConnecting) played.refuse()
    })
    expect(played.sockets.size).toBeGreaterThan(60)
    expect(played.sockets.size).toBeLessThan(400)
  })

  it('are not forgotten because another socket of the endpoint is sound', () => {
    const played = play('bybit', 200)
    played.wait(10 * SECOND)
    played.isHelpful = false
    played.demand('trades:bybit:B-USDT')
    const sound = played.socket
    played.wait(HOUR, () => {
      played.trade('A0USDT', played.now, sound)
      played.frame('{"success":true,"ret_msg":"pong","op":"ping"}', sound)
      if (played.isConnecting) played.refuse()
    })
    expect(played.sockets.size).toBeLessThan(400)
  })

  it.each([429, 418])('wait as long as a %i orders', (status) => {
    const played = play('binance', 1, { isHelpful: false })
    played.refuse(status, 120_000)
    played.wait(119 * SECOND)
    expect(played.sockets.size).toBe(1)
    played.wait(3 * SECOND)
    expect(played.sockets.size).toBe(2)
  })

  it.each([451, 403])('say so where the region is not served (%i), and try again slowly', (status) => {
    const played = play('binance', 1, { isHelpful: false })
    played.refuse(status)
    expect(played.status.state).toBe('geo-blocked')
    played.wait(HOUR, () => {
      if (played.isConnecting) played.refuse(status)
      expect(played.status.state).toBe('geo-blocked')
    })
    expect(played.sockets.size).toBeGreaterThan(8)
    expect(played.sockets.size).toBeLessThanOrEqual(13)
    played.isHelpful = true
    played.wait(6 * MINUTE)
    expect(played.status.state).toBe('live')
    expect(played.told('status:binance', 'status').map(({ data }) => data['state'])).toEqual([
      'live',
      'geo-blocked',
      'live',
    ])
  })

  it.each([
    ['comes with the time to return', 120_000, false],
    ['comes from where we were let in before', null, true],
  ])('by a 403 mean that we were too fast where it %s', (_, retryAfterMs, hasServed) => {
    const played = play('bybit', 1, { isHelpful: false })
    if (hasServed) played.drop(played.openNext())
    played.wait(2 * SECOND)
    const before = played.sockets.size
    played.refuse(403, retryAfterMs)
    expect(played.status).toMatchObject({
      state: 'connecting',
      lastError: 'spot: refused with 403: too many connections',
    })
    played.wait(10 * MINUTE - SECOND)
    expect(played.sockets.size).toBe(before)
    played.wait(2 * SECOND)
    expect(played.sockets.size).toBe(before + 1)
  })

  it('of one endpoint leave the others alone', () => {
    const played = play('binance', 1)
    played.isHelpful = false
    played.demand('trades:binance:A0-USDT-PERP')
    played.refuse(451)
    expect(played.status.state).toBe('geo-blocked')
    played.trade('A0USDT', 1)
    expect(played.ids('trades:binance:A0-USDT')).toEqual([1])
    // Nobody wants it there any more.
    played.release('trades:binance:A0-USDT-PERP')
    played.wait(62 * SECOND)
    expect(played.status.state).toBe('live')
  })
})

describe('a rejected stream', () => {
  it('costs only itself on Bybit, where the whole request is undone', () => {
    const played = play('bybit', 5, { isHelpful: false })
    const socket = played.openNext()
    const { req_id } = JSON.parse(socket.sent[0]?.frame ?? '')
    const ret_msg = 'error:handler not found,topic:publicTrade.A0USDT'
    played.frame(JSON.stringify({ success: false, ret_msg, req_id, op: 'subscribe' }))
    played.wait(SECOND)
    expect(played.status.rejected).toEqual([{ topic: 'publicTrade.A0USDT', reason: ret_msg }])
    expect(played.told('trades:bybit:A0-USDT', 'gap')).toHaveLength(1)
    const asked = socket.sent.slice(1).flatMap(({ frame }) => JSON.parse(frame).args)
    expect(asked).toEqual(['publicTrade.A1USDT', 'publicTrade.A2USDT', 'publicTrade.A3USDT', 'publicTrade.A4USDT'])
  })

  it('is found by halves where the exchange names none', () => {
    const played = play('binance', 8, { isHelpful: false })
    const socket = played.openNext()
    let answered = 0
    played.wait(20 * SECOND, () => {
      for (; answered < socket.sent.length; answered++) {
        const { id, params } = JSON.parse(socket.sent[answered]?.frame ?? '')
        const isBad = params.includes('a5usdt@aggTrade')
        played.frame(JSON.stringify(isBad ? { error: { code: 2, msg: 'Invalid request' }, id } : { result: null, id }))
      }
    })
    expect(played.status.rejected).toEqual([{ topic: 'a5usdt@aggTrade', reason: 'Invalid request' }])
    for (const n of [0, 1, 2, 3, 4, 6, 7]) played.trade(`A${n}USDT`, 1)
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((n) => played.ids(`trades:binance:A${n}-USDT`).length)).toEqual([
      ...[1, 1, 1, 1, 1, 0, 1, 1],
    ])
  })

  it('costs only its product on Coinbase', () => {
    const played = play('coinbase', 2)
    played.isHelpful = false
    played.demand('trades:coinbase:NOPE-USD')
    played.wait(SECOND)
    played.frame('{"type":"error","message":"Failed to subscribe","reason":"NOPE-USD is not a valid product"}')
    expect(played.status.rejected.map(({ topic }) => topic)).toEqual(['matches:NOPE-USD', 'heartbeat:NOPE-USD'])
    expect(played.told('trades:coinbase:NOPE-USD', 'gap')).toHaveLength(1)
    played.trade('A1-USD', 1)
    expect(played.ids('trades:coinbase:A1-USD')).toEqual([1])
  })

  it('is asked for again, later and later, and told once', () => {
    const played = play('okx', 1, { isHelpful: false })
    let asked = 0
    played.wait(12 * HOUR, () => {
      if (!played.isConnecting) return
      const socket = played.openNext()
      asked += 1
      const { id } = JSON.parse(socket.sent[0]?.frame ?? '')
      const msg = "Wrong URL or channel:trades-all,instId:A0-USDT doesn't exist."
      played.frame(JSON.stringify({ id, event: 'error', code: '60018', msg, connId: 'c' }), socket)
    })
    expect(asked).toBeGreaterThan(10)
    expect(asked).toBeLessThan(20)
    expect(played.told('trades:okx:A0-USDT', 'gap')).toHaveLength(1)
  })

  it('is one that is never answered where others are: it costs their socket once', () => {
    const played = play('bybit', 20, { deaf: 'publicTrade.A7USDT' })
    played.wait(HOUR)
    expect(played.of('close').map(({ reason }) => reason)).toEqual(['publicTrade.A7USDT is not answered'])
    expect(played.status).toMatchObject({
      state: 'live',
      rejected: [{ topic: 'publicTrade.A7USDT', reason: 'the exchange does not answer' }],
    })
    expect(played.told('trades:bybit:A7-USDT', 'gap')).toHaveLength(1)
  })

  it('is known to be one before a topic of it is asked for, and told anew to one who came while it was tried', () => {
    const played = play('bybit', 2, { isHelpful: false })
    const socket = played.openNext()
    const refuse = () => {
      const asked = socket.sent.findLast(({ frame }) => frame.includes('"publicTrade.A0USDT"'))
      const { req_id } = JSON.parse(asked?.frame ?? '')
      const ret_msg = 'error:handler not found,topic:publicTrade.A0USDT'
      played.frame(JSON.stringify({ success: false, ret_msg, req_id, op: 'subscribe' }), socket)
    }
    const key = 'trades:bybit:A0-USDT'
    const rejection = () => played.session.rejection(topicOf(key), played.instrument('A0-USDT'))
    expect(rejection()).toBeNull()
    refuse()
    expect(rejection()).toContain('handler not found')
    played.wait(61 * SECOND, () => played.trade('A1USDT', played.now, socket))
    expect(rejection()).toBeNull()
    played.demand(key)
    expect(played.told(key, 'gap')).toHaveLength(1)
    refuse()
    expect(played.told(key, 'gap')).toHaveLength(2)
  })

  it('is told to one who asks for it later', () => {
    const played = play('coinbase', 1, { isHelpful: false })
    const socket = played.openNext()
    played.frame('{"type":"error","message":"Failed to subscribe","reason":"A0-USD is not a valid product"}', socket)
    played.release('trades:coinbase:A0-USD')
    played.demand('ticker:coinbase:A0-USD')
    played.demand('bbo:coinbase:A0-USD')
    expect(played.told('bbo:coinbase:A0-USD', 'gap')).toHaveLength(1)
  })
})
