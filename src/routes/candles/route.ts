import { createRoute, z } from '@hono/zod-openapi'
import { comparedFields, RELATIVE_DIGITS } from '../../domain/candle-differences.ts'
import { missingReasons } from '../../domain/coverage.ts'
import { instrumentKinds, type SymbolQuery } from '../../domain/instrument.ts'
import { intervals } from '../../domain/interval.ts'
import { VWAP_DIGITS } from '../../domain/trade-candles.ts'
import type { CatalogEntry } from '../../store/catalog.ts'
import { type AppContext, createRouter } from '../context.ts'
import { bookmarkParameter, candleHeaders } from '../headers.ts'
import { anyExchangeParam, findInstrument, symbolParam } from '../params.ts'
import { problemResponses } from '../responses.ts'
import { answerExport } from './export.ts'
import { TRADE_LIMITS } from './from-trades/answer.ts'
import { answerTradeExport } from './from-trades/export.ts'
import { answerTradePage } from './from-trades/page.ts'
import { answerPage } from './page.ts'
import { type CandlesQuery, candlesQuery, TRADES_SOURCE } from './query.ts'

const decimal = z.string().openapi({ example: '43474.1', description: 'An exact decimal' })
const time = z.int().openapi({ example: 1_704_067_200_000, description: 'Milliseconds UTC' })

const candleSchema = z
  .object({
    openTime: time,
    open: decimal,
    high: decimal,
    low: decimal,
    close: decimal,
    volume: decimal.openapi({ description: 'In base units' }),
    quoteVolume: decimal
      .nullable()
      .openapi({ description: 'In quote units; null where the exchange does not send it' }),
    tradeCount: z.int().nullable(),
    vwap: decimal
      .nullable()
      .optional()
      .openapi({
        description: `Only with \`source=trades\`: the average price by volume, rounded to ${VWAP_DIGITS} significant digits`,
      }),
    buyVolume: decimal.optional().openapi({
      description:
        'Only with `source=trades`: in base units, what takers bought. Trades whose side is not known are in neither',
    }),
    sellVolume: decimal.optional().openapi({ description: 'Only with `source=trades`: what takers sold' }),
    closed: z.boolean().openapi({ description: 'false only for the unfinished candle, with `includeOpen=true`' }),
  })
  .openapi('Candle')

const coverageSchema = z
  .object({
    complete: z.boolean().openapi({ description: 'Every slot of the window is present, proven empty, or outside' }),
    verifiedTo: time.nullable().openapi({
      description: 'Candles before were read again after they had settled; null where none of the window was',
    }),
    missing: z.array(z.tuple([time, time, z.enum(missingReasons)])).openapi({
      description:
        '[from, to, reason]. `not_loaded`: not asked for yet; `not_recorded`: neither recorded at that time nor in a backfill. Only with `source=trades`: `pruned` (trades of the slot are deleted), `trades_missing` (some ' +
        'were lost while the feed listened), `feed_unavailable` (it holds them, and does not answer), `too_many_trades` ' +
        `(more than ${TRADE_LIMITS.perSlot} in one slot: ask for a smaller interval)`,
    }),
    empty: z.array(z.tuple([time, time])).openapi({ description: '[from, to]: the exchange says that nothing traded' }),
  })
  .openapi('CandleCoverage')

const differenceSchema = z
  .object({
    openTime: time,
    field: z.enum(comparedFields),
    trades: decimal.openapi({ description: 'As built from trades' }),
    exchange: decimal.openapi({ description: 'As the exchange has it' }),
    relative: decimal.nullable().openapi({
      description:
        `The difference over the exchange's value, without sign, to ${RELATIVE_DIGITS} significant digits; null where ` +
        'that value is zero',
      example: '0.0012',
    }),
  })
  .openapi('CandleDifference')

/** A page of candles as JSON. */
export const candlesSchema = z
  .object({
    exchange: z.string(),
    symbol: z.string(),
    exchangeSymbol: z.string(),
    kind: z.enum(instrumentKinds),
    interval: z.enum(intervals),
    source: z.string(),
    derived: z.boolean().openapi({ description: 'Built from a smaller stored interval' }),
    start: time.openapi({ description: 'The window that this page speaks for, inclusive' }),
    end: time.openapi({ description: 'Exclusive' }),
    revision: z.int().nullable().openapi({ description: 'Changes when candles change that were there before' }),
    coverage: coverageSchema,
    nextCursor: z.string().nullable(),
    nextUrl: z.string().nullable().openapi({ description: 'Names its revision: 410 where the past has changed since' }),
    immutableUrl: z.string().nullable().openapi({ description: 'This page for ever; null while it may still change' }),
    compared: z.int().optional().openapi({
      description:
        "Only with `source=trades`: of how many slots the exchange's own candle, stored or derived, was compared",
    }),
    differing: z.int().optional().openapi({ description: 'In how many of them something differs' }),
    differences: z
      .array(differenceSchema)
      .optional()
      .openapi({
        description:
          'Each difference by itself. `tradeCount` is one only where more trades were heard than the exchange counts: ' +
          'streams may join those that one order makes at one price',
      }),
    data: z.array(candleSchema),
  })
  .openapi('Candles')

const arraySchema = z
  .array(z.tuple([time, z.number(), z.number(), z.number(), z.number(), z.number()]))
  .openapi('CandleArray', { description: 'With `format=array`: [openTime, open, high, low, close, volume]' })

const bodySchema = z.union([candlesSchema, arraySchema]).openapi({}, { unionPreferredType: 'oneOf' })

const route = createRoute({
  method: 'get',
  path: '/v1/candles/{exchange}/{symbol}',
  summary: 'Candles',
  description:
    'Closed candles of a window, and what is known of the slots without one. `format=array`, `csv` and `ndjson` say it ' +
    'in the headers `X-Coverage-Complete` and `X-Coverage-Missing` (JSON: `[[from, to, reason]]`). With `source=trades` ' +
    'they are built from the trades that the live feed heard, as long as these are kept, and compared with the ' +
    `exchange's own: a page ends after ${TRADE_LIMITS.perAnswer} trades, and \`nextUrl\` goes on.`,
  tags: ['Candles'],
  parameters: [bookmarkParameter],
  request: { params: z.object({ exchange: anyExchangeParam, symbol: symbolParam }), query: candlesQuery },
  responses: {
    200: {
      description: 'One page, or with `all=true` the whole window as a stream',
      headers: candleHeaders,
      content: {
        'application/json': { schema: bodySchema },
        'text/csv': { schema: z.string() },
        'application/x-ndjson': { schema: z.string() },
      },
    },
    304: { description: 'Unchanged since the answer with this ETag' },
    ...problemResponses(400, 404, 409, 410, 503),
  },
})

export const candlesRouter = createRouter()

candlesRouter.openapi(route, async (c) => {
  const { exchange, symbol } = c.req.valid('param')
  const query = c.req.valid('query')
  const entry = await findInstrument(c, exchange, symbol)
  const isFromTrades = query.source === TRADES_SOURCE
  if (!query.all) return isFromTrades ? answerTradePage(c, entry, query) : answerPage(c, exchange, entry, query)
  const entries = await findAll(c, exchange, entry, query)
  return isFromTrades ? answerTradeExport(c, entries, query) : answerExport(c, exchange, entries, query)
})

/** The instruments of an export, each once. */
async function findAll(
  c: AppContext,
  exchange: string,
  first: CatalogEntry,
  { symbols = [] }: CandlesQuery,
): Promise<CatalogEntry[]> {
  const others = await Promise.all(symbols.map((symbol: SymbolQuery) => findInstrument(c, exchange, symbol, 'symbols')))
  return [...new Map([first, ...others].map((entry) => [entry.instrument.id, entry])).values()]
}
