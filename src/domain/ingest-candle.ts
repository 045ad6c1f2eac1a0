import { type Candle, type CandleFault, candleFault, isSameCandle } from './candle.ts'
import type { Decimal } from './decimal.ts'
import type { IngestFault, IngestKind, Named, ReadContext } from './ingest.ts'
import {
  type Fields,
  isFields,
  malformed,
  readCount,
  readDecimal,
  readNames,
  readTime,
  unknownField,
} from './ingest-fields.ts'
import { type Interval, intervals, isInterval, nextOpenTime, type Window } from './interval.ts'

/** A candle as a user sends it. */
export interface IngestedCandle extends Candle, Named {
  readonly interval: Interval
}

/** Candles are judged by the rules that loaded ones meet ({@link candleFault}); those that have not ended are refused. */
export const ingestedCandles: IngestKind<IngestedCandle> = {
  name: 'candles',
  read: readCandle,
  slotOf: ({ interval, openTime }) => openTime * intervals.length + intervals.indexOf(interval),
  isSame: isSameCandle,
}

const FIELDS: ReadonlySet<string> = new Set([
  'exchange',
  'symbol',
  'interval',
  'openTime',
  'open',
  'high',
  'low',
  'close',
  'volume',
  'quoteVolume',
  'tradeCount',
  'closed',
])

const ANY_TIME: Window = { start: Number.NEGATIVE_INFINITY, end: Number.POSITIVE_INFINITY }

/** Where each rule of candles is broken, and in what words. */
const faults = {
  malformed: { path: '', message: 'is not a candle' },
  high_below_body: { path: 'high', message: 'is below open or close' },
  low_above_body: { path: 'low', message: 'is above open or close' },
  negative_value: { path: '', message: 'holds a negative price, volume or count' },
  misaligned: { path: 'openTime', message: 'is not where a slot of the interval starts (UTC, weeks on Monday)' },
  outside_window: { path: 'openTime', message: 'is outside of the window' },
  conflicting_duplicate: { path: '', message: 'is there twice, with different values' },
} as const satisfies Record<CandleFault, { readonly path: string; readonly message: string }>

function readCandle(value: unknown, { defaults, now, settleMsOf }: ReadContext): IngestedCandle | IngestFault {
  if (!isFields(value)) return malformed('', 'must be an object')
  const unknown = unknownField(value, FIELDS)
  if (unknown !== undefined) return unknown
  const names = readNames(value, defaults)
  if ('reason' in names) return names
  const interval = value['interval'] ?? defaults.interval
  if (typeof interval !== 'string' || !isInterval(interval)) {
    return malformed('interval', `must be one of ${intervals.join(', ')}`)
  }
  const openTime = readTime(value['openTime'])
  if (openTime === undefined) return malformed('openTime', NOT_A_TIME)
  const candle = readValues(value, names, interval, openTime)
  if ('reason' in candle) return candle
  const fault = candleFault(candle, interval, ANY_TIME)
  if (fault !== undefined) return { reason: fault, ...faults[fault] }
  if (candle.closed === false || nextOpenTime(openTime, interval) + settleMsOf(names.exchange) > now) {
    return { reason: 'not_closed', path: 'openTime', message: 'the candle has not ended yet, or may still change' }
  }
  return candle
}

const NOT_A_TIME = 'must be milliseconds since 1970 (not seconds) or ISO 8601, before the year 2100'
const NOT_A_DECIMAL = 'must be a decimal, as text or as a number'

function readValues(
  fields: Fields,
  { exchange, symbol }: Named,
  interval: Interval,
  openTime: number,
): IngestedCandle | IngestFault {
  const open = readDecimal(fields['open'])
  if (open === undefined) return malformed('open', NOT_A_DECIMAL)
  const high = readDecimal(fields['high'])
  if (high === undefined) return malformed('high', NOT_A_DECIMAL)
  const low = readDecimal(fields['low'])
  if (low === undefined) return malformed('low', NOT_A_DECIMAL)
  const close = readDecimal(fields['close'])
  if (close === undefined) return malformed('close', NOT_A_DECIMAL)
  const volume = readDecimal(fields['volume'])
  if (volume === undefined) return malformed('volume', NOT_A_DECIMAL)
  const quoteVolume = orNull(fields['quoteVolume'], readDecimal)
  if (quoteVolume === undefined) return malformed('quoteVolume', `${NOT_A_DECIMAL}, or null`)
  const tradeCount = orNull(fields['tradeCount'], readCount)
  if (tradeCount === undefined) return malformed('tradeCount', 'must be a whole number, or null')
  const closed = orNull(fields['closed'], readFlag)
  if (closed === undefined) return malformed('closed', 'must be true, false or null')
  return { exchange, symbol, interval, openTime, open, high, low, close, volume, quoteVolume, tradeCount, closed }
}

/** What is absent or `null` is not said. */
function orNull<T extends Decimal | number | boolean>(
  value: unknown,
  read: (value: unknown) => T | undefined,
): T | null | undefined {
  return value === undefined || value === null ? null : read(value)
}

function readFlag(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined
}
