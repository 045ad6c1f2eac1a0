/**
 * `node test/simulator/main.ts --exchange all --port 9100 --seed 1 --time-scale 1 --time-epoch MS --unlimited`:
 * one line a listener or stream with its URL, the commands that run the worker against them, then a line of JSON with all
 * URLs, then it serves until it is told to stop.
 */

import { parseArgs } from 'node:util'
import { EXCHANGES } from './catalogue.ts'
import { CRON_COMMAND, devCommand, type SimulatedTime } from './dev-command.ts'
import { type SimulatorOptions, startExchangeServers } from './exchanges.ts'

const USAGE = `usage: simulate [--exchange all|${EXCHANGES.join('|')}] [--port 9100] [--seed 1] [--time-scale 1] [--time-epoch MS] [--unlimited]`

const number = (name: string, text: string, isValid: (value: number) => boolean): number => {
  const value = Number(text)
  if (text.trim() === '' || !isValid(value)) throw new Error(`--${name} cannot be ${JSON.stringify(text)}`)
  return value
}

/** @returns undefined where the usage is asked for */
const readOptions = (args: string[]): (SimulatorOptions & SimulatedTime) | undefined => {
  const { values } = parseArgs({
    args,
    options: {
      exchange: { type: 'string', default: 'all' },
      port: { type: 'string', default: '9100' },
      seed: { type: 'string', default: '1' },
      'time-scale': { type: 'string', default: '1' },
      'time-epoch': { type: 'string', default: String(Date.now()) },
      unlimited: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const exchange = EXCHANGES.find((name) => name === values.exchange)
  if (!exchange && values.exchange !== 'all') throw new Error(`--exchange cannot be ${JSON.stringify(values.exchange)}`)
  return {
    ...(exchange ? { exchange } : {}),
    port: number('port', values.port, (port) => Number.isInteger(port) && port >= 0 && port <= 65_531),
    seed: number('seed', values.seed, Number.isSafeInteger),
    timeScale: number('time-scale', values['time-scale'], (scale) => scale > 0 && scale <= 1_000_000),
    timeEpoch: number('time-epoch', values['time-epoch'], (epoch) => Number.isSafeInteger(epoch) && epoch > 0),
    unlimited: values.unlimited,
  }
}

const main = async (): Promise<void> => {
  const options = readOptions(process.argv.slice(2))
  if (options === undefined) {
    console.log(USAGE)
    return
  }
  const { urls, streamUrls, stop } = await startExchangeServers(options)
  for (const [exchange, { spot, perpetual }] of Object.entries(urls)) {
    console.log(`${exchange} ${perpetual === undefined || perpetual === spot ? spot : `spot ${spot}`}`)
    if (perpetual !== undefined && perpetual !== spot) console.log(`${exchange} perpetual ${perpetual}`)
  }
  for (const [exchange, endpoints] of Object.entries(streamUrls)) {
    for (const [name, url] of Object.entries(endpoints)) console.log(`${exchange} stream ${name} ${url}`)
  }
  console.log('the worker against them, and its cron, each minute or whenever something is to be started:')
  console.log(devCommand(urls, streamUrls, options))
  console.log(CRON_COMMAND)
  console.log(JSON.stringify({ ready: true, urls, streamUrls }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop())
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  console.error(USAGE)
  process.exitCode = 1
})
