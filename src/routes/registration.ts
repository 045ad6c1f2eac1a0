import { createRoute, z } from '@hono/zod-openapi'
import { parseDecimal } from '../domain/decimal.ts'
import { AppError, type FieldError, invalidField } from '../domain/errors.ts'
import { formatSymbol, instrumentKinds } from '../domain/instrument.ts'
import { isExchangeName } from '../exchanges/registry.ts'
import {
  judgeRegistrations,
  type RegisteredInstrument,
  type Registration,
  registerAssets,
  registerInstruments,
} from '../store/registry.ts'
import { timeSchema } from './bodies.ts'
import { createRouter } from './context.ts'
import { adminSecurity, requireAdmin } from './middleware/admin.ts'
import { jsonBody } from './middleware/json-body.ts'
import { assetParam, EXCHANGE } from './params.ts'
import { jsonResponse, problemResponses } from './responses.ts'

/** Of instruments or assets in one call. */
const MAX_REGISTERED = 1_000
const MAX_NAME_LENGTH = 100

const nameSchema = z.string().trim().min(1).max(MAX_NAME_LENGTH)

const sizeSchema = z
  .string()
  .transform((text, context) => {
    const size = parseDecimal(text)
    if (size !== undefined && Number(size) > 0) return size
    context.addIssue({ code: 'custom', message: 'must be a decimal above 0, as a string' })
    return z.NEVER
  })
  .openapi({ type: 'string', example: '0.01' })

const instrumentSchema = z
  .strictObject({
    exchange: z
      .string()
      .regex(EXCHANGE, 'must be 1 to 32 lower-case letters, digits or _, a letter first')
      .openapi({ example: 'myexchange', description: 'One that is known, or a new one, which this registers' }),
    exchangeName: nameSchema.optional().openapi({ description: 'Of an exchange of your own: its name for people' }),
    kind: z.enum(instrumentKinds).default('spot'),
    base: assetParam,
    quote: assetParam,
    exchangeSymbol: z
      .string()
      .min(1)
      .max(MAX_NAME_LENGTH)
      .optional()
      .openapi({ description: 'As the exchange calls it. Without it: the symbol' }),
    settle: assetParam
      .optional()
      .openapi({ description: 'Of a perpetual. Without it: the quote, or the base where inverse' }),
    inverse: z.boolean().default(false),
    contractSize: sizeSchema
      .optional()
      .openapi({ description: 'Data is taken in in base units: it is told, not used' }),
    tickSize: sizeSchema.optional(),
    lotSize: sizeSchema.optional(),
    listedAt: timeSchema.optional(),
    validTo: timeSchema.optional().openapi({ description: 'Since when it does not trade any more' }),
  })
  .superRefine(({ exchange, exchangeName, kind, settle, inverse, listedAt, validTo }, context) => {
    const refuse = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    if (exchangeName !== undefined && isExchangeName(exchange)) refuse('exchangeName', 'is for exchanges of your own')
    if (kind === 'spot' && settle !== undefined) refuse('settle', 'is for perpetuals')
    if (kind === 'spot' && inverse) refuse('inverse', 'is for perpetuals')
    if (listedAt !== undefined && validTo !== undefined && validTo <= listedAt) {
      refuse('validTo', 'must come after listedAt')
    }
  })
  .openapi('InstrumentRegistration')

const instrumentsSchema = z
  .strictObject({ instruments: z.array(instrumentSchema).min(1).max(MAX_REGISTERED) })
  .openapi('InstrumentRegistrations')

const outcomeSchema = z.object({
  exchange: z.string(),
  symbol: z.string(),
  outcome: z.enum(['created', 'updated', 'unchanged']),
})

const registerInstrumentsRoute = createRoute({
  method: 'post',
  path: '/v1/instruments',
  summary: 'Register instruments of your own, and their exchange',
  description:
    'Before data of them can be taken in. An exchange that is not known is registered with its first instrument. ' +
    'Instruments of the exchanges that are loaded here come from their own lists: only what those lack can be registered. ' +
    'All or nothing; repeated, it changes nothing.',
  tags: ['Instruments'],
  security: adminSecurity,
  middleware: [requireAdmin, jsonBody] as const,
  request: { body: { required: true, content: { 'application/json': { schema: instrumentsSchema } } } },
  responses: {
    200: jsonResponse(z.object({ data: z.array(outcomeSchema) }), 'What became of each'),
    ...problemResponses(400, 401, 413, 415, 422, 503),
  },
})

const assetsSchema = z
  .strictObject({
    assets: z
      .array(z.strictObject({ asset: assetParam, name: nameSchema.optional() }))
      .min(1)
      .max(MAX_REGISTERED),
  })
  .openapi('AssetRegistrations')

const registerAssetsRoute = createRoute({
  method: 'post',
  path: '/v1/assets',
  summary: 'Register assets, or name them',
  description: 'Those of registered instruments are registered with them. Repeated, it changes nothing.',
  tags: ['Instruments'],
  security: adminSecurity,
  middleware: [requireAdmin, jsonBody] as const,
  request: { body: { required: true, content: { 'application/json': { schema: assetsSchema } } } },
  responses: {
    200: jsonResponse(
      z.object({ changed: z.int().openapi({ description: 'How many are new, or have a new name' }) }),
      'They are registered',
    ),
    ...problemResponses(400, 401, 413, 415, 503),
  },
})

export const registrationRouter = createRouter()

registrationRouter.openapi(registerInstrumentsRoute, async (c) => {
  const { instruments: wanted } = c.req.valid('json')
  const { stores, clock } = c.var.deps
  const instruments = wanted.map(toInstrument)
  refuseRepeated(instruments)
  refuseFutureEnds(instruments, clock.now())
  const outcomes = await judgeRegistrations(stores, instruments)
  const data = instruments.map(({ exchange, symbol }, index) => ({ exchange, symbol, outcome: outcomes[index] }))
  refuseTaken(data)
  await registerInstruments(stores, namesOf(wanted), instruments, clock.now())
  c.var.catalog.clear()
  return c.json({ data: data.map((each) => outcomeSchema.parse(each)) }, 200)
})

registrationRouter.openapi(registerAssetsRoute, async (c) => {
  const { assets } = c.req.valid('json')
  const { stores, clock } = c.var.deps
  const registered = assets.map(({ asset, name = null }) => ({ asset, name }))
  const names = new Set<string>()
  for (const [index, { asset }] of registered.entries()) {
    if (names.has(asset)) throw invalidField(`assets[${index}].asset`, 'stands there already')
    names.add(asset)
  }
  return c.json({ changed: await registerAssets(stores, registered, clock.now()) }, 200)
})

function toInstrument(wanted: z.output<typeof instrumentSchema>): RegisteredInstrument {
  const { exchange, kind, base, quote, inverse, listedAt = null, validTo = null } = wanted
  const symbol = formatSymbol(base, quote, kind)
  return {
    ...{ exchange, kind, symbol, base, quote, inverse, listedAt, validTo },
    exchangeSymbol: wanted.exchangeSymbol ?? symbol,
    settle: kind === 'spot' ? null : (wanted.settle ?? (inverse ? base : quote)),
    contractSize: wanted.contractSize ?? null,
    tickSize: wanted.tickSize ?? null,
    lotSize: wanted.lotSize ?? null,
    active: validTo === null,
  }
}

/** The exchanges of users' own, each with its name for people: that of any of its instruments, else its own. */
function namesOf(wanted: readonly z.output<typeof instrumentSchema>[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const { exchange, exchangeName } of wanted) {
    if (!isExchangeName(exchange)) names.set(exchange, exchangeName ?? names.get(exchange) ?? exchange)
  }
  return names
}

/** What ends later trades still. @throws AppError `invalid_request` */
function refuseFutureEnds(instruments: readonly RegisteredInstrument[], now: number): void {
  const errors = instruments.flatMap(({ validTo }, index) =>
    validTo === null || validTo <= now
      ? []
      : [{ path: `instruments[${index}].validTo`, message: 'lies in the future: until then it trades' }],
  )
  if (errors.length > 0) throw new AppError('invalid_request', 'nothing has been registered', { errors })
}

/** @throws AppError `invalid_request`, naming those that stand there a second time */
function refuseRepeated(instruments: readonly RegisteredInstrument[]): void {
  const seen = new Set<string>()
  const errors: FieldError[] = []
  for (const [index, { exchange, symbol, exchangeSymbol, kind }] of instruments.entries()) {
    for (const name of [`symbol ${exchange} ${symbol}`, `exchangeSymbol ${exchange} ${kind} ${exchangeSymbol}`]) {
      if (seen.has(name)) {
        errors.push({ path: `instruments[${index}]`, message: `has the ${name.split(' ')[0]} of one before it` })
      }
      seen.add(name)
    }
  }
  if (errors.length > 0) throw new AppError('invalid_request', 'nothing has been registered', { errors })
}

const refusals: Partial<Record<Registration, string>> = {
  listed: 'is in the list of the exchange itself, and comes from there',
  taken: 'is the symbol of another instrument of the exchange',
}

/** @throws AppError `unprocessable`, naming those that cannot be registered */
function refuseTaken(judged: readonly { readonly outcome: Registration | undefined; readonly symbol: string }[]): void {
  const errors = judged.flatMap(({ outcome, symbol }, index) => {
    const message = outcome === undefined ? undefined : refusals[outcome]
    return message === undefined ? [] : [{ path: `instruments[${index}]`, message: `${symbol} ${message}` }]
  })
  if (errors.length > 0) throw new AppError('unprocessable', 'nothing has been registered', { errors })
}
