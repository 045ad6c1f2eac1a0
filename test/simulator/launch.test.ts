import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { get, openTimesOf } from './client.ts'
import { createClock } from './clock.ts'
import { startSimulator } from './launch.ts'

const main = new URL('./main.ts', import.meta.url).pathname

const run = async (...args: string[]): Promise<{ code: unknown; complaint: string }> => {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaint += text
  })
  const [code] = await once(child, 'close')
  return { code, complaint }
}

describe('startSimulator', () => {
  it('starts the exchanges in a process of their own on the given clock, and ends it', async () => {
    const timeEpoch = Date.now() - 1000
    const simulator = await startSimulator({ timeScale: 600, timeEpoch })
    const { binance, okx, coinbase } = simulator.urls
    expect(binance?.perpetual).not.toBe(binance?.spot)
    expect(okx?.perpetual).toBe(okx?.spot)
    expect(coinbase?.perpetual).toBeUndefined()
    expect(simulator.streamUrls.coinbase).toEqual({ feed: coinbase?.spot })
    const { text } = await get(`${binance?.spot}/api/v3/time`)
    expect(Number(/\d+/.exec(text)?.[0])).toBeGreaterThanOrEqual(timeEpoch + 600_000)
    await simulator.stop()
    await expect(get(`${binance?.spot}/api/v3/ping`)).rejects.toThrow()
    expect(() => process.kill(simulator.pid, 0)).toThrow()
  })

  it('serves the same market for the same seed', async () => {
    const page = async (seed: number) => {
      const simulator = await startSimulator({ exchange: 'okx', seed })
      const url = `${simulator.urls.okx?.spot}/api/v5/market/history-candles?instId=BTC-USDT&after=1760000000000&limit=50`
      const answer = await get(url)
      await simulator.stop()
      expect(Object.keys(simulator.urls)).toEqual(['okx'])
      expect(openTimesOf(answer)).toHaveLength(50)
      return answer.text
    }
    const [first, again, other] = await Promise.all([page(5), page(5), page(6)])
    expect(first).toBe(again)
    expect(first).not.toBe(other)
  })
})

describe('main', () => {
  it('prints the command that runs the worker against what it serves, and ends with a line of JSON', async () => {
    const child = spawn(process.execPath, [main, '--exchange', 'okx', '--port', '0', '--time-scale', '60'])
    const lines: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line)
      if (line.startsWith('{')) child.kill()
    }
    const { urls, streamUrls } = z
      .looseObject({ urls: z.unknown(), streamUrls: z.unknown() })
      .parse(JSON.parse(lines.at(-1) ?? ''))
    const command = lines.find((line) => line.startsWith('npm run dev -- ')) ?? ''
    expect(command).toContain(
      `--var 'EXCHANGE_HOSTS:${JSON.stringify(urls)}' --var 'STREAM_HOSTS:${JSON.stringify(streamUrls)}'`,
    )
    expect(command).toMatch(/ --var ADMIN_TOKEN:local-admin --var TIME_SCALE:60@\d{13} --var ENVIRONMENT:local$/)
    expect(lines).toContain("curl 'http://localhost:8787/__scheduled?cron=*+*+*+*+*'")
  })

  it.each([
    ['--exchange', 'kraken'],
    ['--port', '70000'],
    ['--port', ''],
    ['--seed', '1.5'],
    ['--time-scale', '0'],
    ['--time-epoch', 'now'],
    ['--what', '1'],
  ])('refuses %s %s with a reason and its usage', async (name, value) => {
    const { code, complaint } = await run(name, value)
    expect(code).toBe(1)
    expect(complaint).toContain(name)
    expect(complaint).toContain('usage: simulate')
  })
})

it('scales the clock from the epoch on', () => {
  let real = 5000
  const clock = createClock({ scale: 60, epoch: 2000, realNow: () => real })
  expect(clock.now()).toBe(2000 + 3000 * 60)
  real = 2000
  expect(clock.now()).toBe(2000)
  expect(clock.realMs(600)).toBe(10)
})
