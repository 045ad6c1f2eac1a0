import { exchangeNames } from '../../src/exchanges/registry.ts'
import { type RunningWorker, startWorker } from '../harness/worker.ts'
import { startSimulator } from '../simulator/launch.ts'
import type { DemoOptions } from './arguments.ts'
import { commandsToTry } from './commands.ts'
import { Display } from './display.ts'
import { proveLive } from './live.ts'
import { SERIES_COUNT, watchLoading } from './loading.ts'
import { checkPort } from './port.ts'
import { type Proof, prove } from './proof.ts'
import { Service } from './service.ts'
import { listenForStop, type StopListener } from './signals.ts'

const MINUTE = 60_000
/** At speed 1 a simulated hour takes a real minute: a slot is proven empty over an hour after it closed. */
const TIME_SCALE = 60
/** Faster, the exchanges close sockets before we can answer: Coinbase wants a subscription within 5 s, which at 1 are 83 ms. */
const MAX_LIVE_SPEED = 1
/** With `--exit`, what is not complete by then is a failure. */
const DEADLINE_MS = 120_000

/** Of what the worker has logged, so many messages are shown where the demo fails. */
const SHOWN_LOGS = 20

/** Something to be ended before the demo ends. */
interface Running {
  stop(): Promise<void>
}

/**
 * Starts the simulated exchanges and the worker, fires its cron each simulated minute, shows how the default series are
 * loaded, proves the result, and serves it until SIGINT or SIGTERM.
 *
 * @returns the exit code: 0, or 1 where something failed
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const stop = listenForStop()
  const running: Running[] = []
  const logs: string[] = []
  try {
    return await run(options, stop, running, logs)
  } catch (error) {
    // The Ctrl-C of a terminal reaches our children too: what they leave unfinished then is no failure.
    if (stop.signal.aborted) return 0
    for (const message of logs.slice(-SHOWN_LOGS)) console.error(message)
    console.error(error instanceof Error ? error.message : error)
    return 1
  } finally {
    for (const one of running.reverse()) await one.stop()
  }
}

async function run(
  { port, seed, speed, exit }: DemoOptions,
  stop: StopListener,
  running: Running[],
  logs: string[],
): Promise<number> {
  await checkPort(port)
  const giveUp = exit ? AbortSignal.any([stop.signal, AbortSignal.timeout(DEADLINE_MS)]) : stop.signal
  const display = new Display()
  display.say(`starting ${exchangeNames.length} simulated exchanges and the worker`)
  const scale = TIME_SCALE * speed
  const epoch = Date.now()
  const simulator = await startSimulator({ seed, timeScale: scale, timeEpoch: epoch })
  running.push(simulator)
  const vars = {
    EXCHANGE_HOSTS: JSON.stringify(simulator.urls),
    // Nobody else shares the address that the simulated exchanges see.
    RATE_BUDGET_SHARE: '1',
    // It keeps answers for a real minute: an hour of this clock.
    EDGE_CACHE: 'off',
    // Loading at this pace leaves too little of a small machine for them: they are started once it is done.
    STREAMS: 'off',
    STREAM_HOSTS: JSON.stringify(simulator.streamUrls),
    TIME_SCALE: `${scale}@${epoch}`,
  }
  const worker = await startWorker({ port, vars, onLog: (message) => logs.push(message) })
  running.push(worker)
  stop.takeOver()
  running.push(startCron(worker, MINUTE / scale))

  display.say(`loading ${SERIES_COUNT} series from three days back; a minute here is ${speed} h there`)
  const service = new Service(worker.url)
  const series = await watchLoading(service, display, giveUp)
  if (series === undefined) {
    if (stop.signal.aborted) return 0
    throw new Error(`not complete after ${DEADLINE_MS / 1_000} s`)
  }
  const failures = report(display, await prove(service, series, simulator.urls))
  if (speed > MAX_LIVE_SPEED) display.say(`live data is proven at a speed of ${MAX_LIVE_SPEED} at most`)
  else {
    display.say('listening to the live data of every exchange')
    const live = await proveLive(service, series, simulator.urls, giveUp)
    if (stop.signal.aborted) return 0
    failures.push(...report(display, live))
  }
  if (!exit) {
    display.say(`\ntry:\n${commandsToTry(worker.url.port, series).join('\n')}\n\nCtrl-C ends it`)
    await untilAborted(stop.signal)
  }
  return failures.length === 0 ? 0 : 1
}

/** @returns the failures */
function report(display: Display, { proven, failures }: Proof): string[] {
  for (const line of proven) display.say(`proven: ${line}`)
  for (const line of failures) display.say(`FAILED: ${line}`)
  return [...failures]
}

/** Fires the cron as production does: each minute of the worker's clock. */
function startCron(worker: RunningWorker, everyMs: number): Running {
  const fire = () => worker.fireCron().catch((error: unknown) => console.error('the cron failed:', error))
  let last = fire()
  const timer = setInterval(() => {
    last = fire()
  }, everyMs)
  return {
    stop: async () => {
      clearInterval(timer)
      await last
    },
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
