import { z } from '@hono/zod-openapi'
import { chooseBase } from '../../domain/derive.ts'
import { type MarketChannel, marketChannels } from '../../domain/event.ts'
import { formatSymbol, type Instrument, type InstrumentKind, instrumentKinds } from '../../domain/instrument.ts'
import { type Interval, intervals } from '../../domain/interval.ts'
import { type ExchangeConnector, regionHints } from '../../exchanges/connector.ts'
import { publishedFees } from '../../exchanges/fees.ts'
import { connectors, type ExchangeName } from '../../exchanges/registry.ts'

const limitSchema = z.object({ limit: z.int(), windowMs: z.int() })

const streamLimitsSchema = z.object({
  topicsPerSocket: z.int(),
  topicsPerRequest: z.int(),
  messages: z.array(limitSchema).openapi({ description: 'That may be sent over one socket' }),
  connects: limitSchema.openapi({ description: 'That one address may make' }),
  maxAgeMs: z
    .int()
    .nullable()
    .openapi({ description: 'At which the exchange ends a socket; null where it does not say' }),
})

const feesSchema = z.object({ maker: z.string(), taker: z.string(), source: z.url() })

/** What an exchange offers here: of its connector, so that it never changes while a deployment runs. */
export const offerSchema = z.object({
  exchange: z.string(),
  name: z.string(),
  kinds: z.array(z.enum(instrumentKinds)),
  intervals: z.object({
    native: z.array(z.enum(intervals)).openapi({ description: 'Served by the exchange: these can be recorded' }),
    derived: z.array(z.enum(intervals)).openapi({ description: 'Built here from native ones' }),
  }),
  emptySlots: z.enum(['flat', 'absent']).openapi({ description: 'Whether a slot without trades has a candle' }),
  channels: z.partialRecord(z.enum(instrumentKinds), z.array(z.enum(marketChannels))).openapi({
    description: 'What can be subscribed to, by kind',
  }),
  built: z.array(z.enum(marketChannels)).openapi({ description: 'Channels that are built here from its trades' }),
  fundingRates: z.boolean().openapi({ description: 'Whether past funding rates are loaded' }),
  tradeRecovery: z.partialRecord(z.enum(instrumentKinds), z.enum(['byId', 'recentOnly'])).openapi({
    description: 'How trades that a feed missed are found again: all of them by their ids, or the most recent ones',
  }),
  fees: z.partialRecord(z.enum(instrumentKinds), feesSchema).openapi({ description: 'The published base tier' }),
  streamLimits: streamLimitsSchema,
  rateLimits: z.array(z.object({ name: z.string(), limit: z.number(), windowMs: z.int() })),
  maxCandles: z.record(z.string(), z.int()).openapi({ description: 'Of one request to the exchange, by kind' }),
  regions: z.array(z.enum(regionHints)).openapi({ description: 'Where its API answers, best first' }),
})

/** What the tables of a connector say. */
export function offerOf(exchange: ExchangeName): z.infer<typeof offerSchema> {
  const connector: ExchangeConnector = connectors[exchange]
  const { name, regions, rest, stream } = connector
  const kinds = instrumentKinds.filter((kind) => kind in rest.baseUrl)
  const native = intervals.filter((interval) => interval in rest.intervals)
  const isDerived = (interval: Interval) => !native.includes(interval) && chooseBase(native, interval) !== undefined
  const { topicsPerSocket, topicsPerRequest, messages, connects, maxAgeMs } = stream.limits
  return {
    exchange,
    name,
    kinds,
    intervals: { native, derived: intervals.filter(isDerived) },
    emptySlots: rest.emptySlots,
    channels: Object.fromEntries(kinds.map((kind) => [kind, channelsOf(connector, kind)])),
    built: stream.candles === 'from-trades' ? ['candles'] : [],
    fundingRates: rest.fundingRates !== undefined,
    tradeRecovery: { ...stream.tradeRecovery },
    fees: Object.fromEntries(kinds.flatMap((kind) => feesOf(exchange, kind))),
    streamLimits: { topicsPerSocket, topicsPerRequest, messages: [...messages], connects, maxAgeMs },
    rateLimits: rest.rateLimits.map(({ name, limit, windowMs }) => ({ name, limit, windowMs })),
    maxCandles: { ...rest.maxCandles },
    regions: [...regions],
  }
}

function feesOf(exchange: string, kind: InstrumentKind): [InstrumentKind, z.infer<typeof feesSchema>][] {
  const fees = publishedFees(exchange, kind)
  return fees === null ? [] : [[kind, { ...fees }]]
}

/** What its streams give of an instrument, whichever it is; candles that it does not stream are built from trades. */
function channelsOf({ exchange, stream }: ExchangeConnector, kind: InstrumentKind): MarketChannel[] {
  const [base, quote] = ['BTC', 'USDT']
  const symbol = formatSymbol(base, quote, kind)
  const instrument: Instrument = {
    ...{ exchange, kind, symbol, exchangeSymbol: `${base}-${quote}`, base, quote, settle: null, inverse: false },
    ...{ contractSize: null, tickSize: null, lotSize: null, active: true, listedAt: null },
  }
  const isStreamed = (channel: MarketChannel) =>
    stream.streamsOf({ channel, instrument, interval: channel === 'candles' ? '1m' : null }).length > 0
  return marketChannels.filter(
    (channel) => isStreamed(channel) || (channel === 'candles' && stream.candles === 'from-trades'),
  )
}
