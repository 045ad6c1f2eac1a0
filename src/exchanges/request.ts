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

/**
 * Messages about streams, each of at most `most` names.
 * @param render a message as the exchange wants it; `requestId` counts up from `firstId`
 */
export function requestsOf(
  names: readonly string[],
  most: number,
  firstId: number,
  render: (requestId: number, names: readonly string[]) => object,
): readonly StreamRequest[] {
  const requests: StreamRequest[] = []
  for (let start = 0; start < names.length; start += most) {
    const some = names.slice(start, start + most)
    const requestId = firstId + requests.length
    requests.push({ requestId, frame: JSON.stringify(render(requestId, some)), names: some })
  }
  return requests
}
