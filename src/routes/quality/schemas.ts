import { z } from '@hono/zod-openapi'
import { intervals } from '../../domain/interval.ts'
import { type Fault, findingKinds, findingStates, measures, severities } from '../../domain/quality/finding.ts'
import type { FindingRow } from '../../store/findings.ts'

/** No name of an exchange comes near this. */
const MAX_EXCHANGE_LENGTH = 100

/** An exchange of ours or one that a user has registered, in a JSON body. */
export const anyExchangeSchema = z
  .string('must be the name of an exchange')
  .min(1)
  .max(MAX_EXCHANGE_LENGTH)
  .openapi({ type: 'string', example: 'okx' })

/** One of a few words, in a query or a body. */
export function wordSchema<const T extends readonly string[]>(words: T) {
  return z.enum(words, `must be one of ${words.join(', ')}`)
}

const time = z.int()
const price = z.string().openapi({ format: 'decimal' })

export const evidenceSchema = z
  .object({
    measure: z.enum(measures).openapi({ description: 'Which member of the candle' }),
    openTime: time.openapi({ description: 'That candle; of several, the one that deviates most' }),
    value: price,
    reference: price.openapi({
      description:
        'What it is held against: the nearer neighbour, what 19 of 20 neighbours stay below, the later answer, the median',
    }),
    deviation: z.number(),
    threshold: z.number().openapi({ description: 'What it could be, given its neighbours' }),
    unit: z.enum(['percent', 'times', 'slots']),
    neighbours: z.array(z.object({ openTime: time, value: price })),
    sources: z.array(z.object({ exchange: z.string(), value: price })),
  })
  .openapi('Evidence')

/** What one check says of some candles. */
export const faultSchema = z.object({
  kind: z.enum(findingKinds),
  severity: z
    .enum(severities)
    .openapi({ description: '`warning` from twice the threshold on, `critical` from five times' }),
  start: time,
  end: time.openapi({ description: 'Exclusive' }),
  evidence: evidenceSchema,
})

export const findingSchema = faultSchema
  .extend({
    exchange: z.string(),
    symbol: z.string(),
    exchangeSymbol: z.string(),
    interval: z.enum(intervals),
    source: z.string(),
    state: z.enum(findingStates).openapi({ description: '`resolved`: a later check did not find it any more' }),
    firstSeen: time,
    lastSeen: time,
  })
  .openapi('Finding')

export const daySchema = z
  .object({
    exchange: z.string(),
    symbol: z.string(),
    exchangeSymbol: z.string(),
    interval: z.enum(intervals),
    source: z.string(),
    day: z.string().openapi({ format: 'date', example: '2026-01-31' }),
    start: time,
    end: time.openapi({ description: 'The part of the day that is asked for, closed and in the instrument’s life' }),
    expected: z.int().openapi({ description: 'present + confirmedEmpty + missing' }),
    present: z.int(),
    confirmedEmpty: z.int().openapi({ description: 'The exchange itself says that nothing traded' }),
    missing: z.int(),
    quarantined: z.int().openapi({ description: 'Of the missing: refused as unsound' }),
    revised: z.int().openapi({ description: 'Of the present: changed after they had been stored' }),
    late: z.int().openapi({ description: 'Of the present: asked for in vain before they came' }),
    completeness: z
      .number()
      .openapi({ description: 'Percent of expected that is not missing, rounded down', example: 99.9305 }),
    lastVerified: time.nullable().openapi({
      description: 'Candles of the day that open before were read again after they had settled',
    }),
    lastChecked: time
      .nullable()
      .openapi({ description: 'When the checks last ran on the series, where they reached the day' }),
  })
  .openapi('QualityDay')

/** An array of its own: what is answered may be changed by whoever renders it, what is stored may not. */
export function toFault({ kind, severity, start, end, evidence }: Fault): z.infer<typeof faultSchema> {
  const { neighbours, sources } = evidence
  return { kind, severity, start, end, evidence: { ...evidence, neighbours: [...neighbours], sources: [...sources] } }
}

/** A stored finding; its evidence is read as strictly as if it came from outside. */
export function toFinding({ id: _, evidence, ...row }: FindingRow): z.infer<typeof findingSchema> {
  return { ...row, evidence: evidenceSchema.parse(JSON.parse(evidence)) }
}
