import { createRoute, z } from '@hono/zod-openapi'
import type { StoredBook } from '../domain/book-chunk.ts'
import { wholeNumber } from '../domain/columns.ts'
import { AppError } from '../domain/errors.ts'
import { MAX_LEVELS } from '../domain/ingested-book.ts'
import type { SymbolQuery } from '../domain/instrument.ts'
import type { BookLevel } from '../domain/order-book.ts'
import type { StoredInstrument } from '../domain/series.ts'
import { bookDepths, parseDepth } from '../domain/topic.ts'
import { isExchangeName } from '../exchanges/registry.ts'
import { readBookAt } from '../store/ingested-books.ts'
import { type AppContext, createRouter } from './context.ts'
import { bookmarkParameter } from './headers.ts'
import { ageSchema, askFeed, NO_STORE } from './live.ts'
import { anyExchangeParam, checkExchange, findInstrument, sourceParam, symbolParam, timeParam } from './params.ts'
import { jsonResponse, problemResponses } from './responses.ts'

const DEFAULT_DEPTH = 20
const DEFAULT_SOURCE = 'ingest'

const sideSchema = z.array(z.tuple([z.string(), z.string()]))

const orderBookSchema = z
  .object({
    exchange: z.string(),
    symbol: z.string(),
    exchangeSymbol: z.string(),
    source: z.string().openapi({ description: '`exchange` of the present book' }),
    ...ageSchema,
    ageMs: z.int().openapi({ description: 'Since it was received; with `at`, from `exchangeTime` to then' }),
    depth: z.int(),
    availableDepth: z.int().openapi({ description: 'Levels a side that are known for certain, up to `depth`' }),
    sequence: z
      .union([z.number(), z.string()])
      .nullable()
      .openapi({ description: "The exchange's counter; as text where a number does not hold it" }),
    bids: sideSchema.openapi({ description: '[price, size], best first; sizes in base units' }),
    asks: sideSchema,
  })
  .openapi('OrderBook')

type OrderBook = z.infer<typeof orderBookSchema>

const WHOLE_NUMBER = /^[1-9]\d{0,3}$/

const depthParam = z
  .string()
  .default(String(DEFAULT_DEPTH))
  .transform((text, context) => {
    if (WHOLE_NUMBER.test(text) && Number(text) <= MAX_LEVELS) return Number(text)
    const message = `must be one of ${bookDepths.join(', ')}; with at, from 1 to ${MAX_LEVELS}`
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })
  .openapi({
    type: 'integer',
    minimum: 1,
    maximum: MAX_LEVELS,
    default: DEFAULT_DEPTH,
    description: `Levels a side: ${bookDepths.join(', ')}; with \`at\`, any number`,
  })

const query = z
  .strictObject({
    depth: depthParam,
    at: timeParam.optional().openapi({
      description: 'The newest book at or before this time that was sent to `/v1/ingest/order-books`',
    }),
    source: sourceParam.optional().openapi({
      description: `With \`at\`: under which name it was sent; \`${DEFAULT_SOURCE}\` where it is left out`,
    }),
  })
  .superRefine(({ depth, at, source }, context) => {
    const refuse = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    if (at === undefined) {
      if (parseDepth(String(depth)) === undefined) refuse('depth', `must be one of ${bookDepths.join(', ')}`)
      if (source !== undefined) refuse('source', 'needs at: the present book is that of the exchange')
    } else if (source === 'exchange') {
      refuse('source', 'must be a name that books were sent under: those of the exchange are not kept')
    }
  })

const get = createRoute({
  method: 'get',
  path: '/v1/order-books/{exchange}/{symbol}',
  summary: 'The order book',
  description:
    'From the book that the feed keeps by the updates of the exchange. While that is not known to be right (`not_in_sync`) there is no answer, ' +
    'rather than an old one: `Retry-After` says when to ask again. With `at`, the book of a past time, as users have sent it.',
  tags: ['Live'],
  parameters: [bookmarkParameter],
  request: { params: z.object({ exchange: anyExchangeParam, symbol: symbolParam }), query },
  responses: { 200: jsonResponse(orderBookSchema, 'Its best levels'), ...problemResponses(400, 404, 422, 503) },
})

export const orderBooksRouter = createRouter()

orderBooksRouter.openapi(get, async (c) => {
  const { exchange, symbol } = c.req.valid('param')
  const { depth, at, source = DEFAULT_SOURCE } = c.req.valid('query')
  const book =
    at === undefined
      ? await readLive(c, exchange, symbol, depth)
      : await readPast(c, exchange, symbol, { depth, at, source })
  c.header('Cache-Control', NO_STORE)
  return c.json(book, 200)
})

/** @throws AppError `unprocessable` for an exchange of a user's own; what its feed refuses with for another */
async function readLive(c: AppContext, exchange: string, query: SymbolQuery, asked: number): Promise<OrderBook> {
  if (!isExchangeName(exchange)) {
    await checkExchange(c, exchange)
    const message = 'has no live data here: say with at which book of those that were sent is meant'
    throw new AppError('unprocessable', `exchange: ${message}`, { errors: [{ path: 'exchange', message }] })
  }
  const { instrument } = await findInstrument(c, exchange, query)
  const depth = parseDepth(String(asked)) ?? DEFAULT_DEPTH
  const feed = c.var.deps.feed(exchange)
  const { value, age } = await askFeed(exchange, () => feed.readOrderBook(exchange, instrument.symbol, depth))
  const { exchangeSymbol, availableDepth, sequence, bids, asks } = value
  const names = { exchange, symbol: instrument.symbol, exchangeSymbol, source: 'exchange' }
  return { ...names, ...age, depth, availableDepth, sequence, bids: toPairs(bids), asks: toPairs(asks) }
}

interface PastBook {
  readonly depth: number
  readonly at: number
  readonly source: string
}

/** @throws AppError `not_found` where nothing was sent of that time or before */
async function readPast(c: AppContext, exchange: string, query: SymbolQuery, past: PastBook): Promise<OrderBook> {
  const { depth, at, source } = past
  const { instrument } = await findInstrument(c, exchange, query)
  const { book, firstTime } = await readBookAt(c.var.sessions.forExchange(exchange), instrument.id, source, at)
  if (book === undefined) throw noBook(instrument, past, firstTime)
  const { symbol, exchangeSymbol } = instrument
  const [bids, asks] = [book.bids.slice(0, depth), book.asks.slice(0, depth)]
  return {
    ...{ exchange, symbol, exchangeSymbol, source },
    exchangeTime: book.exchangeTime,
    receivedTime: book.receivedTime,
    ageMs: at - book.exchangeTime,
    depth,
    availableDepth: Math.min(bids.length, asks.length),
    sequence: sequenceOf(book),
    bids: toPairs(bids),
    asks: toPairs(asks),
  }
}

function noBook({ exchange, symbol }: StoredInstrument, { at, source }: PastBook, firstTime: number | null): AppError {
  const whose = `of ${exchange} ${symbol} from the source ${source}`
  if (firstTime === null) return new AppError('not_found', `there is no order book ${whose}`)
  const [asked, first] = [new Date(at).toISOString(), new Date(firstTime).toISOString()]
  return new AppError('not_found', `there is no order book ${whose} at or before ${asked}: the first is of ${first}`)
}

/** As the present book has it: a number where that says all of it. */
function sequenceOf({ sequence }: StoredBook): number | string | null {
  return sequence === null ? null : (wholeNumber(sequence) ?? sequence)
}

function toPairs(levels: readonly BookLevel[]): [string, string][] {
  return levels.map(({ price, size }) => [price, size])
}
