import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const main = join(import.meta.dirname, '../../src/cli/decode-main.ts')
const fixtures = join(import.meta.dirname, '../fixtures/okx/')

function run(args: readonly string[], input: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { input, encoding: 'utf8' })
  return { status, stdout, stderr }
}

const okx = ['--exchange', 'okx', '--transport', 'rest']

describe('the decode command', () => {
  it('reads a body and prints a message a line', () => {
    const body = readFileSync(`${fixtures}trades.perpetual.json`, 'utf8')
    const list = ['--instruments', `${fixtures}instruments.perpetual.expected.ndjson`]
    const { status, stdout, stderr } = run([...okx, '--resource', 'trades', ...list], body)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const [bad, trade, ...rest] = stdout.trimEnd().split('\n')
    expect(JSON.parse(bad ?? '')).toMatchObject({ type: 'invalid', detail: 'sz: not a decimal' })
    expect(JSON.parse(trade ?? '')).toEqual({
      ...{ type: 'trade', exchange: 'okx', symbol: 'BTC-USDT-PERP', exchangeSymbol: 'BTC-USDT-SWAP' },
      ...{ exchangeTime: 1767312000020, receivedTime: null },
      data: { id: '990001', price: '61234.5', size: '0.125', side: 'buy' },
    })
    expect(rest).toEqual([])
  })

  it('ends well where the body is bad', () => {
    const { status, stdout } = run([...okx, '--resource', 'candles'], '<html>')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      ...{ type: 'invalid', exchange: 'okx', detail: 'okx candles: a page instead of JSON' },
    })
  })

  it.each([
    ['wrong arguments', [...okx, '--resource', 'klines'], '--resource must be one of'],
    ['a file that is not there', [...okx, '--resource', 'trades', '--instruments', '/no/such/file'], '--instruments'],
    ['a file that is no list', [...okx, '--resource', 'trades', '--instruments', main], '--instruments'],
    ['no such transport', ['--exchange', 'okx', '--transport', 'udp'], '--transport must be one of rest, ws'],
  ])('says how it is used where it is given %s', (_, args, message) => {
    const { status, stdout, stderr } = run(args, '')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(stderr).toContain('usage: npm run decode')
  })

  it('says how it is used where that is asked', () => {
    const { status, stdout, stderr } = run(['--help'], '')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^usage: npm run decode/)
  })

  it('prints what each frame says, and goes on where one is bad', () => {
    const trade = '{"e":"trade","s":"BTCUSDT","t":1,"p":"2.50","q":"1","T":1767312000000,"m":false}'
    const input = `${trade}\n\n{"e":"tra\r\n{"result":null,"id":1}\r\n${trade.replace('"t":1', '"t":2')}`
    const { status, stdout } = run(['--exchange', 'binance', '--transport', 'ws', '--symbol', 'BTC-USDT'], input)
    expect(status).toBe(0)
    const messages = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(messages.map(({ type }) => type)).toEqual(['trade', 'invalid', 'ack', 'trade'])
    expect(messages[0]).toEqual({
      ...{ type: 'trade', exchange: 'binance', symbol: 'BTC-USDT', exchangeSymbol: 'BTCUSDT' },
      ...{ exchangeTime: 1767312000000, receivedTime: null },
      data: { id: '1', price: '2.5', size: '1', side: 'buy' },
    })
  })

  it('answers each frame while the input goes on, and ends well when nobody reads any more', async () => {
    const child = spawn(process.execPath, [main, '--exchange', 'okx', '--transport', 'ws'])
    child.stdin.on('error', () => {})
    child.stdin.write('pong\n')
    const [first] = await once(child.stdout.setEncoding('utf8'), 'data')
    expect(JSON.parse(first)).toEqual({ type: 'heartbeat', exchange: 'okx' })
    child.stdout.destroy()
    // The pipe's end is only noticed by writing to it.
    const writing = setInterval(() => child.stdin.write('pong\n'), 5)
    const [code] = await once(child, 'exit')
    clearInterval(writing)
    expect(code).toBe(0)
  })
})
