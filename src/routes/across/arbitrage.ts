import { createRoute, z } from '@hono/zod-openapi'
import { compareDecimals } from '../../domain/decimal.ts'
import { AppError, invalidField } from '../../domain/errors.ts'
import { type InstrumentKind, instrumentKinds, kindOfSymbol, parseSymbol } from '../../domain/instrument.ts'
import { INVERSE_SIZES, isInverseSymbol, type QuoteGroup, symbolsAlike } from '../../domain/quote-group.ts'
import { parseThreshold } from '../../domain/topic.ts'
import { bestArbitrage, compareArbitrages, takerFeeOf } from '../../live/arbitrage.ts'
import { sortOut } from '../../live/consolidated.ts'
import { readRecordedSymbols } from '../../store/recorded-symbols.ts'
import { type AppContext, createRouter } from '../context.ts'
import { NO_STORE } from '../live.ts'
import { kindParam } from '../params.ts'
import { jsonResponse, problemResponses } from '../responses.ts'
import { checkListed, readBooks } from './books.ts'
import { exchangesOf, exchangesParam, feesParam, listParam, maxAgeParam, quotesParam } from './query.ts'
import { arbitrageShape, leftOutSchema } from './schemas.ts'

/** Each may need a book of each exchange. */
const MAX_SYMBOLS = 50

const arbitrageSchema = z
  .object({
    symbols: z.array(z.string()).openapi({
      description:
        'What was looked at; with `quotes` each stands for those that count as one with it. Empty where none were asked for: ' +
        'nothing is recorded on two of the exchanges',
    }),
    data: z
      .array(z.object({ symbol: z.string(), kind: z.enum(instrumentKinds), ...arbitrageShape }))
      .openapi({ description: 'What pays best of each symbol, the best first' }),
    leftOut: leftOutSchema,
  })
  .openapi('Arbitrage')

const symbolsParam = listParam(MAX_SYMBOLS)
  .transform((texts, context): readonly string[] =>
    texts.flatMap((text) => {
      const query = parseSymbol(text)
      if (query?.by === 'symbol') return query.symbol
      context.addIssue({ code: 'custom', message: `must be symbols such as BTC-USDT or BTC-USDT-PERP, not ${text}` })
      return []
    }),
  )
  .optional()
  .openapi({
    type: 'string',
    example: 'BTC-USDT,ETH-USDT',
    description: `With commas between them, at most ${MAX_SYMBOLS}. Without it: those recorded on two or more exchanges, the first ${MAX_SYMBOLS}`,
  })

const thresholdParam = z
  .string()
  .transform((text, context) => {
    const threshold = parseThreshold(text)
    if (threshold !== undefined) return threshold
    context.addIssue({ code: 'custom', message: 'must be percent with at most 6 places, such as 0.05' })
    return z.NEVER
  })
  .optional()
  .openapi({
    type: 'string',
    example: '0.05',
    description: 'Only net spreads of so many percent and more. Without it all are given, negative ones too',
  })

const get = createRoute({
  method: 'get',
  path: '/v1/arbitrage',
  summary: 'Spreads across exchanges, net of taker fees',
  description:
    'For each symbol on two or more exchanges: where to buy at the best ask and where to sell at the best bid of another exchange, ' +
    'so that most is left after the taker fees of both, and how much can be had at these prices. Only books that are fresh, in sync ' +
    'and not crossed count; the others are named in `leftOut`. Fees are those published for the base tier, unless `fees` says what ' +
    'you pay. Perpetuals margined in their base are not compared.',
  tags: ['Live'],
  request: {
    query: z.strictObject({
      symbols: symbolsParam,
      kind: kindParam.optional().openapi({ description: 'Only symbols of this kind' }),
      quotes: quotesParam,
      exchanges: exchangesParam,
      threshold: thresholdParam,
      fees: feesParam,
      maxAgeMs: maxAgeParam,
    }),
  },
  responses: { 200: jsonResponse(arbitrageSchema, 'As it stands'), ...problemResponses(400, 404, 422, 503) },
})

export const arbitrageRouter = createRouter()

arbitrageRouter.openapi(get, async (c) => {
  const {
    symbols: asked,
    kind = null,
    quotes = null,
    threshold = null,
    fees,
    maxAgeMs,
    ...query
  } = c.req.valid('query')
  const exchanges = await exchangesOf(c, query.exchanges)
  if (exchanges.length < 2) throw invalidField('exchanges', 'must be two or more: one buys on one and sells on another')
  const markets =
    asked === undefined ? await recordedMarkets(c, exchanges, kind, quotes) : askedMarkets(asked, kind, quotes)
  const symbols = [...new Set([...markets.values()].flat())]
  const readings = await readBooks(c, exchanges, symbols)
  if (asked !== undefined) await checkListed(c, markets, readings, 'symbols')
  const judged = Array.from(markets, ([symbol, alike]) => {
    const { exchanges: books, leftOut } = sortOut(
      readings.filter((reading) => alike.includes(reading.symbol)),
      maxAgeMs,
    )
    const best = bestArbitrage(books, takerFeeOf(kindOfSymbol(symbol), fees))
    return { found: best === null ? [] : [{ symbol, kind: kindOfSymbol(symbol), ...best }], leftOut }
  })
  const data = judged.flatMap(({ found }) => found).sort((a, b) => compareArbitrages(b, a))
  const isWorth =
    threshold === null ? data : data.filter(({ netPercent }) => compareDecimals(netPercent, threshold) >= 0)
  c.header('Cache-Control', NO_STORE)
  return c.json({ symbols: [...markets.keys()], data: isWorth, leftOut: judged.flatMap(({ leftOut }) => leftOut) }, 200)
})

/** @throws AppError `unprocessable`; `invalid_request` where none is of the kind */
function askedMarkets(asked: readonly string[], kind: InstrumentKind | null, quotes: QuoteGroup | null) {
  const inverse = asked.filter(isInverseSymbol)
  const errors = inverse.map((symbol) => ({ path: 'symbols', message: `${symbol}: ${INVERSE_SIZES}` }))
  if (errors.length > 0) throw new AppError('unprocessable', `symbols: ${INVERSE_SIZES}`, { errors })
  const symbols = asked.filter((symbol) => kind === null || kindOfSymbol(symbol) === kind)
  if (symbols.length === 0)
    throw invalidField('symbols', `none is of the kind ${kind}; perpetuals are like BTC-USDT-PERP`)
  return marketsOf(symbols, quotes)
}

/** What is recorded on two exchanges or more: those on most of them first. */
async function recordedMarkets(
  c: AppContext,
  exchanges: readonly string[],
  kind: InstrumentKind | null,
  quotes: QuoteGroup | null,
) {
  const shards = c.var.sessions.shards(exchanges)
  const recorded = (
    await Promise.all(shards.map((shard) => readRecordedSymbols(shard.reader, shard.exchanges, kind)))
  ).flat()
  const exchangesOfSymbol = Map.groupBy(recorded, ({ symbol }) => symbol)
  const count = (symbols: readonly string[]) =>
    new Set(symbols.flatMap((symbol) => exchangesOfSymbol.get(symbol) ?? []).map(({ exchange }) => exchange)).size
  const names = [...exchangesOfSymbol.keys()].filter((symbol) => !isInverseSymbol(symbol))
  const several = [...marketsOf(names.sort(), quotes)].filter(([, symbols]) => count(symbols) > 1)
  return new Map(several.sort(([, a], [, b]) => count(b) - count(a)).slice(0, MAX_SYMBOLS))
}

/** Each market once, by the first of its symbols that is named. */
function marketsOf(symbols: readonly string[], quotes: QuoteGroup | null): Map<string, readonly string[]> {
  const markets = new Map<string, readonly string[]>()
  const taken = new Set<string>()
  for (const symbol of symbols) {
    if (taken.has(symbol)) continue
    const alike = symbolsAlike(symbol, quotes)
    for (const each of alike) taken.add(each)
    markets.set(symbol, alike)
  }
  return markets
}
