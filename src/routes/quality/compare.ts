import { createRoute, z } from '@hono/zod-openapi'
import { type Decimal, decimal, isNegative, parseDecimal } from '../../domain/decimal.ts'
import { AppError, type FieldError } from '../../domain/errors.ts'
import type { SymbolQuery } from '../../domain/instrument.ts'
import { floorToInterval, intervals } from '../../domain/interval.ts'
import { judgePrice, verdicts } from '../../domain/quality/price-verdict.ts'
import { isExchangeName } from '../../exchanges/registry.ts'
import { readInstruments } from '../../store/catalog.ts'
import { type CandleQuery, type ReferenceCandle, readReferenceCandles } from '../../store/reference-candles.ts'
import type { Reader } from '../../store/sessions.ts'
import { symbolSchema, timeSchema } from '../bodies.ts'
import { type AppContext, createRouter } from '../context.ts'
import { bookmarkParameter } from '../headers.ts'
import { adminSecurity, requireAdmin } from '../middleware/admin.ts'
import { jsonBody } from '../middleware/json-body.ts'
import { noSuchExchange, sourceParam, unknownSymbol } from '../params.ts'
import { jsonResponse, problemResponses } from '../responses.ts'
import { anyExchangeSchema, wordSchema } from './schemas.ts'

const MAX_PRICES = 1_000

const PRICE_RULE = 'must be a decimal that is not negative, such as "43474.1"'
/** What a double keeps of any decimal. */
const MAX_NUMBER_DIGITS = 15

const priceSchema = z
  .union([z.string(), z.number()], PRICE_RULE)
  .transform((value, context): Decimal => {
    const price = parseDecimal(String(value))
    const isExact = typeof value === 'string' || String(value).replace(/\D/g, '').length <= MAX_NUMBER_DIGITS
    if (price !== undefined && !isNegative(price) && isExact) return price
    context.addIssue({
      code: 'custom',
      message: isExact ? PRICE_RULE : 'has so many digits that it must be sent as text',
    })
    return z.NEVER
  })
  .openapi({ type: 'string', format: 'decimal', example: '43474.1' })

const PRICES_RULE = `must be a list of 1 to ${MAX_PRICES} prices`
const THRESHOLD_RULE = 'must be a number of percent above 0, at most 1000000'

const requestSchema = z
  .strictObject({
    prices: z
      .array(
        z.strictObject({
          exchange: anyExchangeSchema,
          symbol: symbolSchema,
          time: timeSchema,
          price: priceSchema,
          interval: wordSchema(intervals).default('1m').openapi({ description: 'Of the candles to be held against' }),
          source: sourceParam.default('exchange'),
        }),
        PRICES_RULE,
      )
      .min(1, PRICES_RULE)
      .max(MAX_PRICES, PRICES_RULE),
    threshold: z
      .number(THRESHOLD_RULE)
      .positive(THRESHOLD_RULE)
      .max(1e6, THRESHOLD_RULE)
      .default(1)
      .openapi({ description: 'Percent' }),
  })
  .openapi('PriceComparison')

const judgedSchema = z
  .object({
    exchange: z.string(),
    symbol: z.string(),
    time: z.int(),
    price: z.string(),
    interval: z.enum(intervals),
    reference: z
      .object({ openTime: z.int(), low: z.string(), high: z.string(), close: z.string() })
      .nullable()
      .openapi({ description: 'The stored candle of that time; null where there is none' }),
    deviation: z.number().nullable().openapi({
      description: 'How many percent beyond the nearer of low and high; 0 between them',
    }),
    verdict: z.enum(verdicts),
  })
  .openapi('JudgedPrice')

const route = createRoute({
  method: 'post',
  path: '/v1/quality/compare',
  summary: 'Judge prices by what is stored',
  description: `Holds each of up to ${MAX_PRICES} prices against the stored candle of its time. Changes nothing.`,
  tags: ['Quality'],
  parameters: [bookmarkParameter],
  security: adminSecurity,
  middleware: [requireAdmin, jsonBody] as const,
  request: { body: { required: true, content: { 'application/json': { schema: requestSchema } } } },
  responses: {
    200: jsonResponse(
      z.object({ threshold: z.number(), data: z.array(judgedSchema) }),
      'A verdict for each price, in their order',
    ),
    ...problemResponses(400, 401, 413, 415, 422, 503),
  },
})

export const qualityCompareRouter = createRouter()

qualityCompareRouter.openapi(route, async (c) => {
  const { prices, threshold } = c.req.valid('json')
  const references = await readReferences(c, prices)
  const data = prices.map((given, index) => judge(given, references[index], threshold))
  return c.json({ threshold, data }, 200)
})

type GivenPrice = z.infer<typeof requestSchema>['prices'][number]

interface Reference {
  readonly symbol: string
  readonly openTime: number
  readonly candle: ReferenceCandle | undefined
}

function judge(given: GivenPrice, reference: Reference | undefined, threshold: number): z.infer<typeof judgedSchema> {
  const { exchange, time, price, interval } = given
  const candle = reference?.candle
  const range = candle && { low: decimal(candle.low), high: decimal(candle.high) }
  return {
    exchange,
    symbol: reference?.symbol ?? given.symbol.name,
    time,
    price,
    interval,
    reference: reference === undefined || candle === undefined ? null : { openTime: reference.openTime, ...candle },
    ...judgePrice(price, range, threshold),
  }
}

/**
 * The candle of each price, by two statements an exchange.
 *
 * @throws AppError `unprocessable`, naming every price of which nobody knows what it is of
 */
async function readReferences(c: AppContext, prices: readonly GivenPrice[]): Promise<Reference[]> {
  const own = prices.every(({ exchange }) => isExchangeName(exchange)) ? [] : await c.var.catalog.ownExchanges()
  const errors: FieldError[] = []
  const references: Reference[] = []
  for (const [exchange, entries] of Map.groupBy([...prices.entries()], ([, { exchange }]) => exchange)) {
    if (!isExchangeName(exchange) && !own.includes(exchange)) {
      for (const [index] of entries) errors.push(refusal(index, 'exchange', noSuchExchange(own)))
      continue
    }
    const db = c.var.sessions.forExchange(exchange)
    const named = await nameInstruments(db, exchange, entries)
    const wanted: (CandleQuery & NamedPrice)[] = []
    for (const { index, given, instrument } of named) {
      const { time, interval, source } = given
      if (instrument === undefined) {
        errors.push(refusal(index, 'symbol', await unknownSymbol(c, [exchange], given.symbol.query)))
      } else {
        const { id: instrumentId, symbol } = instrument
        wanted.push({ index, symbol, instrumentId, interval, source, openTime: floorToInterval(time, interval) })
      }
    }
    const candles = await readReferenceCandles(db, wanted)
    for (const [place, { index, symbol, openTime }] of wanted.entries()) {
      references[index] = { symbol, openTime, candle: candles[place] }
    }
  }
  if (errors.length > 0) throw new AppError('unprocessable', 'no price has been judged', { errors })
  return references
}

interface NamedPrice {
  /** Its place among the prices of the request. */
  readonly index: number
  readonly symbol: string
}

function refusal(index: number, field: string, message: string): FieldError {
  return { path: `prices[${index}].${field}`, message }
}

/** Each price with the instrument that it is of; `undefined` where the exchange has none of that name. */
async function nameInstruments(db: Reader, exchange: string, entries: readonly (readonly [number, GivenPrice])[]) {
  const queries = entries.map(([, { symbol }]) => symbol.query)
  const instruments = await readInstruments(db, exchange, queries)
  return entries.map(([index, given], place) => ({
    index,
    given,
    instrument: isElsewhere(given.symbol.query, exchange) ? undefined : instruments[place],
  }))
}

/** A joined symbol names its exchange. */
function isElsewhere(query: SymbolQuery, exchange: string): boolean {
  return query.by === 'joined' && query.exchange !== exchange
}
