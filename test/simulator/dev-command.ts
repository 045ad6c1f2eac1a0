import type { SimulatorUrls, StreamUrls } from './exchanges.ts'

/** What the clock of simulated exchanges is; see `SimulatorOptions`. */
export interface SimulatedTime {
  readonly timeScale: number
  readonly timeEpoch: number
}

/** The command that runs the worker against simulated exchanges, for a shell. */
export const devCommand = (
  urls: SimulatorUrls,
  streamUrls: StreamUrls,
  { timeScale, timeEpoch }: SimulatedTime,
): string => {
  // A worker that is told nothing else is in production, where no clock but the real one is taken.
  const clock = timeScale === 1 ? [] : [`TIME_SCALE:${timeScale}@${timeEpoch}`, 'ENVIRONMENT:local']
  const vars = [
    `'EXCHANGE_HOSTS:${JSON.stringify(urls)}'`,
    `'STREAM_HOSTS:${JSON.stringify(streamUrls)}'`,
    'ADMIN_TOKEN:local-admin',
    ...clock,
  ]
  return `npm run dev -- ${vars.map((setting) => `--var ${setting}`).join(' ')}`
}

/** Wrangler fires no cron by itself, and without one nothing starts. */
export const CRON_COMMAND = "curl 'http://localhost:8787/__scheduled?cron=*+*+*+*+*'"
