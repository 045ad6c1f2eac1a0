import { createRoute, z } from '@hono/zod-openapi'
import { AppError } from '../domain/errors.ts'
import { instrumentKinds } from '../domain/instrument.ts'
import { publishedFees } from '../exchanges/fees.ts'
import {
  type AssetRow,
  type InstrumentRow,
  readAssets,
  readInstrumentList,
  readInstrumentRow,
  readRegisteredAssets,
} from '../store/directory.ts'
import { readPage } from '../store/pages.ts'
import { createRouter } from './context.ts'
import { listedExchanges, resolveFilter } from './filters.ts'
import { bookmarkParameter } from './headers.ts'
import { cursorParam, listSchema, nextPage } from './lists.ts'
import {
  anyExchangeParam,
  assetParam,
  booleanParam,
  findInstrument,
  kindParam,
  limitParam,
  symbolParam,
  unknownSymbol,
} from './params.ts'
import { jsonResponse, problemResponses } from './responses.ts'

const MAX_TEXT_LENGTH = 64
const time = z.int()
const decimal = z.string()

const instrumentSchema = z
  .object({
    exchange: z.string(),
    kind: z.enum(instrumentKinds),
    symbol: z.string(),
    exchangeSymbol: z.string(),
    base: z.string(),
    quote: z.string(),
    settle: z.string().nullable(),
    inverse: z.boolean(),
    contractSize: decimal.nullable(),
    tickSize: decimal.nullable(),
    lotSize: decimal.nullable(),
    active: z.boolean(),
    listedAt: time.nullable(),
    validFrom: time.openapi({ description: 'When it was first seen, or listed where it was registered so' }),
    validTo: time.nullable().openapi({ description: 'Since when it is halted or delisted; null while it trades' }),
    makerFee: decimal.nullable().openapi({ description: "Of the exchange's published base tier: `0.001` is 0.1 %" }),
    takerFee: decimal.nullable(),
    aliases: z.array(z.string()).openapi({ description: 'Its symbols before it was renamed: they find it still' }),
    registered: z.boolean().openapi({ description: "By a user: it is not in the exchange's list" }),
  })
  .openapi('Instrument')

const assetSchema = z
  .object({
    asset: z.string(),
    name: z.string().openapi({ description: 'Its name for people, where one was registered' }),
    exchanges: z.array(z.string()),
    instruments: z.int().openapi({ description: 'How many have it as base or quote' }),
  })
  .openapi('Asset')

const textParam = z
  .string()
  .min(1)
  .max(MAX_TEXT_LENGTH)
  .transform((text) => text.normalize('NFC'))

const list = createRoute({
  method: 'get',
  path: '/v1/instruments',
  summary: 'What can be traded where',
  tags: ['Instruments'],
  parameters: [bookmarkParameter],
  request: {
    query: z.strictObject({
      exchange: anyExchangeParam.optional(),
      symbol: symbolParam.optional(),
      kind: kindParam.optional(),
      base: assetParam.optional(),
      quote: assetParam.optional(),
      active: booleanParam.optional(),
      q: textParam.optional().openapi({ description: 'Part of a symbol, in either spelling' }),
      limit: limitParam(100, 1_000),
      cursor: cursorParam.optional(),
    }),
  },
  responses: { 200: jsonResponse(listSchema(instrumentSchema), 'One page'), ...problemResponses(400, 404, 503) },
})

const get = createRoute({
  method: 'get',
  path: '/v1/instruments/{exchange}/{symbol}',
  summary: 'One instrument',
  tags: ['Instruments'],
  parameters: [bookmarkParameter],
  request: { params: z.object({ exchange: anyExchangeParam, symbol: symbolParam }) },
  responses: { 200: jsonResponse(instrumentSchema, 'The instrument'), ...problemResponses(400, 404, 503) },
})

const assets = createRoute({
  method: 'get',
  path: '/v1/assets',
  summary: 'Assets, and where they trade',
  tags: ['Instruments'],
  parameters: [bookmarkParameter],
  request: {
    query: z.strictObject({
      exchange: anyExchangeParam.optional(),
      q: textParam.optional().openapi({ description: 'Part of the asset or of its name' }),
      limit: limitParam(100, 1_000),
      cursor: cursorParam.optional(),
    }),
  },
  responses: { 200: jsonResponse(listSchema(assetSchema), 'One page'), ...problemResponses(400, 404, 503) },
})

export const instrumentsRouter = createRouter()

instrumentsRouter.openapi(list, async (c) => {
  const query = c.req.valid('query')
  const { exchanges, symbol } = await resolveFilter(c, query)
  const { kind = null, base = null, quote = null, active = null, q: text = null } = query
  const page = await readPage(
    c.var.sessions.shards(exchanges),
    query.limit,
    query.cursor,
    (shard, [exchange = '', after = '', id = 0] = [], limit) =>
      readInstrumentList(
        shard.reader,
        { exchanges: shard.exchanges, symbol, kind, base, quote, active, text },
        { exchange: String(exchange), symbol: String(after), id: Number(id) || 0 },
        limit,
      ),
    (row) => [row.exchange, row.symbol, row.id],
  )
  return c.json({ data: page.items.map(toInstrument), ...nextPage(c.req.url, page.next) }, 200)
})

instrumentsRouter.openapi(get, async (c) => {
  const { exchange, symbol } = c.req.valid('param')
  const { instrument } = await findInstrument(c, exchange, symbol)
  const row = await readInstrumentRow(c.var.sessions.forExchange(exchange), instrument.id)
  if (row === undefined) throw new AppError('unknown_instrument', await unknownSymbol(c, [exchange], symbol))
  return c.json(toInstrument(row), 200)
})

instrumentsRouter.openapi(assets, async (c) => {
  const { exchange, q: text = null, limit, cursor } = c.req.valid('query')
  const [after = ''] = cursor?.key ?? []
  const shards = c.var.sessions.shards(await listedExchanges(c, exchange))
  const registered = await readRegisteredAssets(c.var.sessions.main, text, String(after))
  const names = new Map(registered.map(({ asset, name }) => [asset, name]))
  const found = await Promise.all(
    shards.map((shard) => readAssets(shard.reader, shard.exchanges, text, [...names.keys()], String(after), limit + 1)),
  )
  // Where a list is narrowed to an exchange, what trades nowhere is none of its assets.
  const bare = exchange === undefined ? registered.map(({ asset }) => ({ asset, exchanges: [], instruments: 0 })) : []
  const merged = mergeAssets([...found.flat(), ...bare], names)
  const last = merged.length > limit ? merged[limit - 1] : undefined
  const next = last === undefined ? null : { shard: 0, key: [last.asset] }
  return c.json({ data: merged.slice(0, limit), ...nextPage(c.req.url, next) }, 200)
})

/** The same asset of several databases as one, in the order of the database: by code points. */
function mergeAssets(rows: readonly AssetRow[], names: ReadonlyMap<string, string>): z.infer<typeof assetSchema>[] {
  const byName = Map.groupBy(rows, ({ asset }) => asset)
  return [...byName]
    .map(([asset, same]) => ({
      asset,
      name: names.get(asset) ?? asset,
      exchanges: same.flatMap(({ exchanges }) => exchanges).sort(),
      instruments: same.reduce((sum, { instruments }) => sum + instruments, 0),
    }))
    .sort((a, b) => compareCodePoints(a.asset, b.asset))
}

function compareCodePoints(a: string, b: string): number {
  const [x, y] = [[...a], [...b]]
  const index = x.findIndex((character, position) => character !== y[position])
  if (index < 0) return x.length - y.length
  return (x[index]?.codePointAt(0) ?? 0) - (y[index]?.codePointAt(0) ?? -1)
}

function toInstrument(row: InstrumentRow): z.infer<typeof instrumentSchema> {
  const fees = publishedFees(row.exchange, row.kind)
  return {
    exchange: row.exchange,
    kind: row.kind,
    symbol: row.symbol,
    exchangeSymbol: row.exchangeSymbol,
    base: row.base,
    quote: row.quote,
    settle: row.settle,
    inverse: row.inverse === 1,
    contractSize: row.contractSize,
    tickSize: row.tickSize,
    lotSize: row.lotSize,
    active: row.active === 1,
    listedAt: row.listedAt,
    validFrom: row.validFrom,
    validTo: row.validTo,
    makerFee: fees?.maker ?? null,
    takerFee: fees?.taker ?? null,
    aliases: row.aliases?.split(' ') ?? [],
    registered: row.registered === 1,
  }
}
