import { z } from '@hono/zod-openapi'
import { parseTime } from '../../domain/time.ts'
import { booleanParam, checkWindow, intervalParam, limitParam, sourceParam, symbolParam, timeParam } from '../params.ts'

export const DEFAULT_LIMIT = 500
export const MAX_LIMIT = 5_000
/** Each is a scan of its own: bounds the work of one export. */
const MAX_EXPORT_SYMBOLS = 50

/** What exchanges themselves say of their candles. */
export const EXCHANGE_SOURCE = 'exchange'
/** Candles that are built from the trades that a feed has heard. */
export const TRADES_SOURCE = 'trades'

export const formats = ['json', 'array', 'csv', 'ndjson'] as const
export type Format = (typeof formats)[number]

/** `1700000000000` in a page, `BTC-USDT:1700000000000` in an export: opaque to callers of pages. */
export interface CandleCursor {
  readonly symbol: string | undefined
  readonly time: number
}

const cursorParam = z
  .string()
  .transform((text, context): CandleCursor => {
    const colon = text.lastIndexOf(':')
    const time = parseTime(text.slice(colon + 1))
    if (time !== undefined) return { symbol: colon < 0 ? undefined : text.slice(0, colon), time }
    context.addIssue({ code: 'custom', message: 'must be a nextCursor; of an export: SYMBOL:OPENTIME of its last row' })
    return z.NEVER
  })
  .openapi({
    type: 'string',
    description: 'The `nextCursor` of the previous page. With `all=true`: `SYMBOL:OPENTIME` of the last row received.',
  })

const symbolsParam = z
  .string()
  .transform((text) => text.split(','))
  .pipe(z.array(symbolParam).max(MAX_EXPORT_SYMBOLS - 1))
  .openapi({ type: 'string', description: 'With `all=true`: more symbols of the exchange, separated by commas' })

export const candlesQuery = z
  .strictObject({
    interval: intervalParam,
    start: timeParam.optional().openapi({ description: 'Inclusive. Without it: the newest `limit` before `end`' }),
    end: timeParam.optional().openapi({ description: 'Exclusive. Without it: now' }),
    limit: limitParam(DEFAULT_LIMIT, MAX_LIMIT),
    order: z.enum(['asc', 'desc']).default('asc'),
    cursor: cursorParam.optional(),
    format: z.enum(formats).default('json').openapi({
      description: '`array`: `[openTime, open, high, low, close, volume]` as numbers, as ccxt has it',
    }),
    all: booleanParam.default(false).openapi({
      description:
        'The whole window as one stream (`ndjson` or `csv`), without `limit`, from `start` or the first candle',
    }),
    symbols: symbolsParam.optional(),
    strict: booleanParam.default(false).openapi({ description: '409 instead of an answer that lacks candles' }),
    includeOpen: booleanParam.default(false).openapi({
      description:
        'Adds what is not final (`closed: false`), beyond `limit`, where the answer reaches the present: the open candle, ' +
        'and while it settles the one before',
    }),
    source: sourceParam.default(EXCHANGE_SOURCE).openapi({
      description:
        '`exchange`: its own candles; `trades`: built from the trades that the live feed heard, of the last day or so, ' +
        'and compared with its own; any other: what users have sent under that name',
    }),
    revision: z
      .string()
      .regex(/^\d{1,15}$/, 'must be a whole number')
      .transform(Number)
      .optional()
      .openapi({ type: 'integer', description: 'Only this revision: 410 where it is not the current one any more' }),
  })
  .superRefine(checkWindow)
  .superRefine((query, context) => {
    const refuse = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    if (query.source === TRADES_SOURCE) {
      if (query.includeOpen) refuse('includeOpen', 'is not for source=trades: it has closed candles only')
      if (query.revision !== undefined) refuse('revision', 'is not for source=trades: it has none')
    }
    if (!query.all) {
      if (query.symbols !== undefined) refuse('symbols', 'needs all=true')
      if (query.cursor?.symbol !== undefined) refuse('cursor', 'must be the nextCursor of the previous page')
      return
    }
    if (query.format !== 'ndjson' && query.format !== 'csv') refuse('format', 'must be ndjson or csv with all=true')
    if (query.order === 'desc') refuse('order', 'must be asc with all=true')
    if (query.includeOpen) refuse('includeOpen', 'is not for all=true: an export holds closed candles only')
    if (query.revision !== undefined) refuse('revision', 'is not for all=true')
    if (query.cursor !== undefined && query.cursor.symbol === undefined) {
      refuse('cursor', 'must be SYMBOL:OPENTIME of the last row received')
    }
  })

export type CandlesQuery = z.infer<typeof candlesQuery>
