import { type Decimal, toNumber } from '../decimal.ts'
import { nextOpenTime } from '../interval.ts'
import type { Columns } from './columns.ts'
import { type Evidence, type Fault, percentApart, rounded, severityOf } from './finding.ts'
import type { Thresholds } from './thresholds.ts'

/** What another exchange says of the same symbol: its closes by open time, of candles in which something traded. */
export interface Peer {
  readonly exchange: string
  readonly closes: ReadonlyMap<number, Decimal>
}

/**
 * Closes apart from those of other exchanges: from the median of three or more, this one included, else from the only
 * other one, which then is as suspect. Candles in a row are one fault. What did not trade has no price to compare.
 */
export function findCrossExchange(
  columns: Columns,
  first: number,
  after: number,
  { percent }: Thresholds['crossExchange'],
  exchange: string,
  peers: readonly Peer[],
): Fault[] {
  const faults: Fault[] = []
  if (peers.length === 0) return faults
  for (let index = first; index < after; index++) {
    const apart = judge(columns, index, exchange, peers)
    if (apart === undefined || apart.deviation <= percent) continue
    const fault = faultOf(columns, index, apart, percent)
    const last = faults.at(-1)
    if (last?.end === fault.start) faults[faults.length - 1] = joined(last, fault)
    else faults.push(fault)
  }
  return faults
}

interface Apart {
  readonly deviation: number
  readonly reference: Decimal
  readonly sources: Evidence['sources']
}

function judge(columns: Columns, index: number, exchange: string, peers: readonly Peer[]): Apart | undefined {
  const candle = columns.candles[index]
  if (candle === undefined || !((columns.volume[index] ?? 0) > 0)) return undefined
  const others = peers.flatMap((peer) => {
    const value = peer.closes.get(candle.openTime)
    return value === undefined ? [] : [{ exchange: peer.exchange, value }]
  })
  const [only] = others
  if (only === undefined) return undefined
  const sources = [{ exchange, value: candle.close }, ...others]
  const reference = others.length === 1 ? only.value : medianOf(sources)
  return { deviation: percentApart(toNumber(candle.close), toNumber(reference)), reference, sources }
}

/** The middle one; of an even number the lower of the two, so that it is a price that an exchange has said. */
function medianOf(sources: Evidence['sources']): Decimal {
  const sorted = sources.map(({ value }) => value).sort((a, b) => toNumber(a) - toNumber(b))
  const middle = sorted[(sorted.length - 1) >> 1]
  if (middle === undefined) throw new RangeError('no values')
  return middle
}

function faultOf(columns: Columns, index: number, { deviation, reference, sources }: Apart, percent: number): Fault {
  const openTime = columns.openTime(index)
  return {
    kind: 'cross_exchange',
    severity: severityOf(deviation / percent),
    start: openTime,
    end: nextOpenTime(openTime, columns.interval),
    evidence: {
      measure: 'close',
      openTime,
      value: columns.candles[index]?.close ?? reference,
      reference,
      deviation: rounded(deviation),
      threshold: percent,
      unit: 'percent',
      neighbours: columns.around('close', index, index),
      sources,
    },
  }
}

/** The evidence is of the candle that deviates most. */
function joined(a: Fault, b: Fault): Fault {
  const worst = b.evidence.deviation > a.evidence.deviation ? b : a
  return { ...worst, start: a.start, end: b.end }
}
