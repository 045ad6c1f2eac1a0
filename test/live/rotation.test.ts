import { describe, expect, it } from 'vitest'
import { DAY, HOUR, MINUTE, Play, type PlayedSocket, SECOND } from './session.ts'
import { binanceBook, okxBook } from './session-exchange.ts'

const TRADES = 'trades:binance:BTC-USDT'
const BOOK = 'book:binance:BTC-USDT:5'
const LEVELS = { bids: [['99', '1']], asks: [['101', '1']] } as const

/** Binance, shortly before a socket is a day old: a busy instrument, its book, and one that is quiet. */
class Rotated {
  readonly played = new Play('binance')
  readonly old: PlayedSocket
  id = 0

  constructor({ isAcknowledged = true, quiet = ['trades:binance:QUIET-USDT'] } = {}) {
    this.played.demand(TRADES, BOOK, ...quiet)
    this.old = this.played.socket
    this.book(this.old)
    const [question] = this.played.of('ask-snapshot')
    if (question === undefined) throw new Error('no snapshot was asked for')
    const { instrument, request } = question
    const snapshot = { exchangeSymbol: 'BTCUSDT', exchangeTime: null, sequence: '0' }
    const levels = { bids: [level('99')], asks: [level('101')] }
    const answer = { ok: true, value: { ...snapshot, ...levels } } as const
    this.played.take({ kind: 'snapshot', instrumentId: instrument.id, request, answer })
    this.step(this.old)
    this.played.wait(DAY - 10 * MINUTE - this.played.now + this.old.connectedAt, () => {
      if (this.played.now % MINUTE === 0) this.step(this.old)
    })
    if (isAcknowledged) {
      this.played.wait(SECOND, () => this.step(this.old))
      return
    }
    this.played.isHelpful = false
    this.played.wait(SECOND, () => this.step(this.old))
    this.played.openNext()
  }

  get young(): PlayedSocket {
    const young = [...this.played.sockets.values()].at(-1)
    if (young === undefined || young === this.old) throw new Error('there is no younger socket')
    return young
  }

  /** The market moves by one, and these sockets say so. */
  step(...sockets: readonly PlayedSocket[]): void {
    this.id += 1
    for (const socket of sockets) {
      this.played.trade('BTCUSDT', this.id, socket)
      this.book(socket)
    }
    this.played.take({ kind: 'flush' })
  }

  book(socket: PlayedSocket): void {
    const [from, to] = [this.id * 10, this.id * 10 + 10]
    this.played.frame(binanceBook('BTCUSDT', { kind: 'update', from, to, bids: [['98', String(to)]] }), socket)
  }

  /** Every trade was told once, in order, and nothing else but trades and a book that never ended. */
  expectWhole(): void {
    expect(this.played.ids(TRADES)).toEqual(Array.from({ length: this.id }, (_, n) => n + 1))
    expect(this.played.told(BOOK).map(({ type }) => type)).not.toContain('resync')
    expect(this.played.of('ask-snapshot')).toHaveLength(1)
    expect(this.played.status).toMatchObject({ gaps: 0, resyncs: 0 })
  }
}

function level(price: string) {
  return { price, size: '1' } as never
}

describe('a socket that grows old', () => {
  it('is replaced without a hole: the new one is heard before the old one ends', () => {
    const rotated = new Rotated()
    const { played, old, young } = rotated
    expect([old.state, young.state]).toEqual(['open', 'open'])
    expect(young.subscribed).toEqual(old.subscribed)
    for (let n = 0; n < 70; n++) {
      // Now the one is first, now the other.
      const order = n % 2 === 0 ? [old, young] : [young, old]
      rotated.step(...order.filter(({ state }) => state === 'open'))
      played.wait(SECOND)
    }
    expect([old.state, young.state, old.closeReason]).toEqual(['closed', 'open', 'replaced by a younger one'])
    rotated.expectWhole()
    expect(played.of('ask-trades')).toEqual([])
    expect(played.status).toMatchObject({ state: 'live', reconnects: 0, topics: 3 })
  })

  it('is heard for a moment longer, for the new one may be ahead of it', () => {
    const rotated = new Rotated({ quiet: [] })
    const { played, old, young } = rotated
    rotated.step(young)
    played.wait(SECOND)
    expect(old.state).toBe('open')
    rotated.id -= 1
    rotated.step(old)
    played.wait(4 * SECOND, () => rotated.step(...played.open))
    expect(old.state).toBe('closed')
    rotated.expectWhole()
    expect(played.of('ask-trades')).toEqual([])
  })

  it('may die when it has just brought what joins the updates of the new one', () => {
    const rotated = new Rotated()
    const { played, old, young } = rotated
    const { id } = rotated
    for (const [of, socket] of [
      [id + 2, young],
      [id + 1, old],
    ] as const) {
      rotated.id = of
      rotated.book(socket)
    }
    played.drop(old)
    rotated.id = id + 3
    rotated.book(young)
    played.take({ kind: 'flush' })
    expect(played.told(BOOK).at(-1)).toMatchObject({ type: 'book', data: { sequence: (id + 3) * 10 + 10 } })
    expect(played.status.resyncs).toBe(0)
  })

  it('waits a minute for what is quiet, and moves it all the same', () => {
    const rotated = new Rotated()
    const { played, old, young } = rotated
    played.wait(55 * SECOND, () => rotated.step(old, young))
    expect(old.state).toBe('open')
    played.wait(10 * SECOND, () => rotated.step(...[old, young].filter(({ state }) => state === 'open')))
    expect(old.state).toBe('closed')
    rotated.expectWhole()
    played.trade('QUIETUSDT', 7)
    expect(played.ids('trades:binance:QUIET-USDT')).toEqual([7])
  })

  it('leaves no doubt about what is quiet: REST says that nothing was traded', () => {
    const rotated = new Rotated()
    const { played, old, young } = rotated
    played.trade('QUIETUSDT', 7, old)
    const knownTo = () => played.session.tradesKnownTo(played.instrument('QUIET-USDT').id)
    expect(knownTo()).toBe(Number.POSITIVE_INFINITY)
    played.fresh('ask-trades')
    const asked: string[] = []
    played.wait(80 * SECOND, () => {
      rotated.step(...[old, young].filter(({ state }) => state === 'open'))
      for (const { instrument, hole } of played.fresh('ask-trades')) {
        asked.push(hole.afterId)
        const nothing = { ok: true, value: { trades: [], isComplete: true } } as const
        played.take({ kind: 'trades', instrumentId: instrument.id, hole, answer: nothing })
      }
    })
    expect(old.state).toBe('closed')
    expect(asked).toEqual(['7'])
    expect(knownTo()).toBe(Number.POSITIVE_INFINITY)
  })

  it('may die meanwhile: the new one goes on', () => {
    const rotated = new Rotated()
    const { played, old, young } = rotated
    played.wait(3 * SECOND, () => rotated.step(old, young))
    // It had not delivered the newest yet.
    rotated.step(young)
    played.drop(old)
    played.wait(3 * SECOND, () => rotated.step(young))
    rotated.expectWhole()
    expect(played.of('ask-trades')).toEqual([])
    expect(played.open).toEqual([young])
  })

  it('goes on where the new one dies, and is replaced by another', () => {
    const rotated = new Rotated()
    const { played, old, young } = rotated
    played.wait(5 * SECOND, () => rotated.step(old, young))
    played.drop(young)
    played.wait(5 * SECOND, () => rotated.step(...played.open))
    expect(old.state).toBe('open')
    expect(rotated.young).not.toBe(young)
    played.wait(70 * SECOND, () => rotated.step(...played.open))
    expect(played.open).toEqual([rotated.young])
    rotated.expectWhole()
  })

  it('leaves what the new one has not acknowledged yet to be asked for, and fills the hole', () => {
    const { played, old, young, id } = new Rotated({ isAcknowledged: false })
    played.drop(old)
    played.fresh('ask-trades')
    expect(played.told(BOOK).map(({ type }) => type)).toContain('resync')
    for (const { frame } of young.sent)
      for (const text of played.protocol.answer(frame, young.subscribed)) played.frame(text)
    played.wait(6 * SECOND)
    expect(played.fresh('ask-trades').map(({ hole }) => hole.afterId)).toContain(String(id))
  })

  it('may die after the new one: both are opened anew', () => {
    const rotated = new Rotated()
    const { played, old, young } = rotated
    played.isHelpful = false
    played.drop(young)
    played.drop(old)
    played.isHelpful = true
    played.wait(5 * SECOND)
    expect(played.open).toHaveLength(1)
    expect(played.socket.subscribed).toEqual(old.subscribed)
    expect(played.status.state).toBe('live')
  })

  it('is kept while the new one is refused', () => {
    const rotated = new Rotated()
    const { played, old, young } = rotated
    played.isHelpful = false
    played.drop(young)
    played.wait(5 * MINUTE, () => {
      rotated.step(old)
      if (played.isConnecting) played.refuse(503)
    })
    expect(old.state).toBe('open')
    expect(played.sockets.size).toBeLessThan(40)
    played.isHelpful = true
    played.wait(2 * MINUTE, () => rotated.step(...played.open))
    expect(old.state).toBe('closed')
    rotated.expectWhole()
  })

  it.each([
    ['all that it carries', ['btcusdt@aggTrade', 'btcusdt@depth@100ms', 'quietusdt@aggTrade'], []],
    ['one of its streams', ['btcusdt@depth@100ms'], ['btcusdt@aggTrade', 'quietusdt@aggTrade']],
  ])('keeps %s where the new one is refused it, and is replaced once that is no longer so', (_, refused, moved) => {
    const rotated = new Rotated({ isAcknowledged: false })
    const { played, old, young } = rotated
    let answered = 0
    played.wait(70 * SECOND, () => {
      for (; answered < young.sent.length && young.state === 'open'; answered++) {
        const { id, params } = JSON.parse(young.sent[answered]?.frame ?? '')
        const isRefused = params.some((name: string) => refused.includes(name))
        played.frame(JSON.stringify(isRefused ? { error: { code: 1, msg: 'busy' }, id } : { result: null, id }), young)
        if (!isRefused) for (const name of params) young.subscribed.add(name)
      }
      // Each of them brings what it was asked for.
      rotated.id += 1
      if (young.state === 'open' && young.subscribed.has('btcusdt@aggTrade')) played.trade('BTCUSDT', rotated.id, young)
      if (old.state === 'open') {
        played.trade('BTCUSDT', rotated.id, old)
        rotated.book(old)
      }
      played.take({ kind: 'flush' })
    })
    expect(played.status.rejected).toEqual([])
    expect(old.state).toBe('open')
    expect([...young.subscribed].toSorted()).toEqual(moved)
    rotated.expectWhole()
    played.isHelpful = true
    if (played.isConnecting) played.openNext()
    played.wait(4 * MINUTE, () => rotated.step(...played.open))
    expect(old.closeReason).toBe('replaced by a younger one')
    rotated.expectWhole()
    expect(played.status).toMatchObject({ state: 'live', reconnects: 0 })
  })

  it('takes up what is demanded meanwhile on the new one', () => {
    const { played, old, young } = new Rotated()
    played.demand('trades:binance:NEW-USDT')
    played.wait(SECOND)
    expect(played.open).toHaveLength(2)
    expect([old, young].map(({ subscribed }) => subscribed.has('newusdt@aggTrade'))).toEqual([false, true])
  })

  it('leaves no socket behind where nothing is needed any more', () => {
    const { played } = new Rotated()
    for (const key of [TRADES, BOOK, 'trades:binance:QUIET-USDT']) played.release(key)
    played.wait(2 * MINUTE)
    expect(played.open).toEqual([])
    expect(played.status.sockets).toEqual([])
  })
})

it('a socket that the exchange is about to end is replaced, as soon as that may be', () => {
  const played = new Play('okx')
  played.demand('book:okx:BTC-USDT:5')
  const old = played.socket
  const snapshot = okxBook('BTC-USDT', { kind: 'snapshot', from: -1, to: 5, ...LEVELS })
  played.frame(snapshot)
  played.isHelpful = false
  played.frame('{"event":"notice","code":"64008","msg":"The connection will soon be closed.","connId":"c"}')
  played.refuse()
  played.isHelpful = true
  played.wait(5 * SECOND)
  const [, young] = played.open
  if (young === undefined) throw new Error('there is no younger socket')
  played.frame(snapshot, young)
  played.wait(5 * SECOND)
  expect([old.state, young.state]).toEqual(['closed', 'open'])
  played.frame(okxBook('BTC-USDT', { kind: 'update', from: 5, to: 6, bids: [['98', '1']] }), young)
  played.take({ kind: 'flush' })
  expect(played.told('book:okx:BTC-USDT:5').map(({ type }) => type)).toEqual(['book'])
  expect(played.status).toMatchObject({ state: 'live', resyncs: 0 })
})

it('a book whose new socket has its snapshot ends with that socket, and starts anew on the old one', () => {
  const played = new Play('okx')
  played.demand('book:okx:BTC-USDT:5')
  const old = played.socket
  const snapshot = okxBook('BTC-USDT', { kind: 'snapshot', from: -1, to: 5, ...LEVELS })
  played.frame(snapshot)
  played.frame('{"event":"notice","code":"64008","msg":"The connection will soon be closed.","connId":"c"}')
  const [, young] = played.open
  if (young === undefined) throw new Error('there is no younger socket')
  played.frame(snapshot, young)
  played.fresh('send')
  played.drop(young)
  played.wait(SECOND)
  const asked = played.fresh('send').filter(({ socket }) => socket === old.id)
  expect(asked.map(({ frame }) => JSON.parse(frame).op)).toEqual(['unsubscribe', 'subscribe'])
  expect(played.told('book:okx:BTC-USDT:5').map(({ type }) => type)).toEqual(['resync'])
})

it('a book that is refused where it is asked for anew goes on by the new socket', () => {
  const played = new Play('okx')
  played.demand('book:okx:BTC-USDT:5')
  const old = played.socket
  const snapshot = okxBook('BTC-USDT', { kind: 'snapshot', from: -1, to: 5, ...LEVELS })
  played.frame(snapshot)
  played.frame('{"event":"notice","code":"64008","msg":"The connection will soon be closed.","connId":"c"}')
  const [, young] = played.open
  if (young === undefined) throw new Error('there is no younger socket')
  played.isHelpful = false
  played.fresh('send')
  played.frame(okxBook('BTC-USDT', { kind: 'update', from: 7, to: 8 }), old)
  played.wait(SECOND)
  const asked = played.fresh('send').find(({ frame }) => frame.includes('"subscribe"'))
  expect(asked?.socket).toBe(old.id)
  const { id } = JSON.parse(asked?.frame ?? '')
  const msg = "Wrong URL or channel:books,instId:BTC-USDT doesn't exist."
  played.frame(JSON.stringify({ id, event: 'error', code: '60018', msg, connId: 'c' }), old)
  expect(played.status.rejected).toEqual([])
  played.frame(snapshot, young)
  played.take({ kind: 'flush' })
  expect(played.told('book:okx:BTC-USDT:5').at(-1)).toMatchObject({ type: 'book', data: { sequence: 5 } })
})

it('exchanges that end no socket by its age are left alone', () => {
  const played = new Play('bybit')
  played.demand('trades:bybit:BTC-USDT')
  played.wait(25 * HOUR)
  expect(played.sockets.size).toBe(1)
})
