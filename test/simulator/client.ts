/** The simulated exchanges in this process on a clock that stands still, and requests to them: for tests. */

import { z } from 'zod'
import { manualClock } from './clock.ts'
import { type RunningExchanges, type SimulatorOptions, startExchangeServers } from './exchanges.ts'

/** A Wednesday, half a minute into 10:07 UTC. */
export const NOW = Date.UTC(2026, 9, 14, 10, 7, 30)

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON; undefined where it is none. */
  readonly body: unknown
}

export type TestExchanges = RunningExchanges & { readonly clock: ReturnType<typeof manualClock> }

/** Starts them at {@link NOW}. */
export const startTestExchanges = async (options: SimulatorOptions = {}): Promise<TestExchanges> => {
  const clock = manualClock(NOW)
  return { ...(await startExchangeServers(options, clock)), clock }
}

/** GET, with a User-Agent. */
export const get = async (url: string, headers: Record<string, string> = {}): Promise<Answer> =>
  read(await fetch(url, { headers: { 'User-Agent': 'test', ...headers } }))

/** POST to `/_control`. */
export const control = async (baseUrl: string, command: unknown): Promise<Answer> =>
  read(await fetch(`${baseUrl}/_control`, { method: 'POST', body: JSON.stringify(command) }))

const read = async (response: Response): Promise<Answer> => {
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: parsed(text) }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const row = z.array(z.union([z.string(), z.number()]))
const page = z.union([
  z.array(row),
  z.object({ data: z.array(row) }).transform(({ data }) => data),
  z.object({ result: z.object({ list: z.array(row) }) }).transform(({ result }) => result.list),
])

/** The rows of a page of candles, whichever exchange sent it. */
export const rowsOf = ({ body }: Answer): (string | number)[][] => page.parse(body)

/** The open times of a page of candles as sent: ms, at Coinbase seconds. */
export const openTimesOf = (answer: Answer): number[] => rowsOf(answer).map(([openTime]) => Number(openTime))
