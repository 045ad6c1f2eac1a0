import { spawnSync } from 'node:child_process'
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
    ['the stream', ['--exchange', 'okx', '--transport', 'ws'], 'not available'],
  ])('says how it is used where it is given %s', (_, args, message) => {
    const { status, stdout, stderr } = run(args, '')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(stderr).toContain('usage: npm run decode')
  })
})
