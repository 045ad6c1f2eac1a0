import { AppError } from '../domain/errors.ts'
import type { Interval } from '../domain/interval.ts'
import type { StreamRequest } from './stream.ts'

export type Query = Readonly<Record<string, string | number | undefined>>

/** A path with its query, in the order given; what is `undefined` is left out. */
export function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value))
  }
  return parameters.size === 0 ? path : `${path}?${parameters}`
}

/**
 * How an exchange spells an interval.
 * @throws AppError `unknown_interval` where it does not serve it: the caller derives it from a smaller one
 */
export function nativeInterval(
  intervals: Readonly<Partial<Record<Interval, string>>>,
  interval: Interval,
  exchange: string,
): string {
  const spelling = intervals[interval]
  if (spelling === undefined) throw new AppError('unknown_interval', `${exchange} does not serve ${interval} candles`)
  return spelling
}

/** What one message about streams may hold: `bytes` of their names as JSON, where the exchange sets an end to them. */
export interface RequestSize {
  readonly names: number
  readonly bytes?: number
}

/**
 * Messages about streams, each of at most `most` names.
 * @param render a message as the exchange wants it; `requestId` counts up from `firstId`
 */
export function requestsOf(
  names: readonly string[],
  most: RequestSize,
  firstId: number,
  render: (requestId: number, names: readonly string[]) => object,
): readonly StreamRequest[] {
  return portions(names, most).map((some, index) => {
    const requestId = firstId + index
    return { requestId, frame: JSON.stringify(render(requestId, some)), names: some }
  })
}

const encoder = new TextEncoder()

function portions(names: readonly string[], most: RequestSize): readonly (readonly string[])[] {
  const all: string[][] = []
  let bytes = 0
  for (const name of names) {
    // With the comma behind it.
    const size = encoder.encode(JSON.stringify(name)).length + 1
    const last = all.at(-1)
    if (last !== undefined && last.length < most.names && bytes + size <= (most.bytes ?? Number.POSITIVE_INFINITY)) {
      last.push(name)
      bytes += size
    } else {
      all.push([name])
      bytes = size
    }
  }
  return all
}
