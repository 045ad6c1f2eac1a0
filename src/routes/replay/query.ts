import { z } from '@hono/zod-openapi'
import { type Interval, intervals, isInterval } from '../../domain/interval.ts'
import { checkWindow, sourceParam, timeParam } from '../params.ts'

const DEFAULT_INTERVAL: Interval = '1m'
const [MIN_SPEED, MAX_SPEED] = [0.1, 10_000]

/** What is replayed: the trades, or the candles of an interval. */
export type ReplayChannel =
  | { readonly channel: 'trades'; readonly interval: null }
  | { readonly channel: 'candles'; readonly interval: Interval }

const channelsParam = z
  .string()
  .max(200)
  .default('trades')
  .transform((text, context): readonly ReplayChannel[] => {
    const named = new Map<string, ReplayChannel>()
    for (const part of text.split(',')) {
      const [channel = '', interval = DEFAULT_INTERVAL, ...more] = part.split(':')
      if (part === 'trades') named.set(part, { channel: 'trades', interval: null })
      else if (channel === 'candles' && isInterval(interval) && more.length === 0) {
        named.set(`candles:${interval}`, { channel, interval })
      } else refuse(context, channel, interval)
    }
    return [...named.values()]
  })
  .openapi({
    type: 'string',
    example: 'trades,candles:1m',
    description:
      '`trades`, which is meant where nothing is said, and `candles:INTERVAL` (`candles`: of `1m`), separated by commas: ' +
      'of one moment, that is told first which is named first. Books are not replayed. Over a WebSocket a client may ' +
      '`subscribe` to these, and to these only',
  })

function refuse(context: z.RefinementCtx, channel: string, interval: string): void {
  if (channel === 'candles' && !isInterval(interval)) {
    const message = `names an interval that is not one of ${intervals.join(', ')}`
    context.addIssue({ code: 'custom', message, params: { code: 'unknown_interval' } })
    return
  }
  const reason = channel === 'book' ? 'books are not replayed' : 'nothing else is replayed'
  const message = `must be trades, candles or candles:INTERVAL, separated by commas: ${reason}`
  context.addIssue({ code: 'custom', message })
}

const speedParam = z
  .string()
  .regex(/^(max|\d{1,5}(\.\d{1,3})?)$/, `must be max, or a number from ${MIN_SPEED} to ${MAX_SPEED}`)
  .transform((text) => (text === 'max' ? text : Number(text)))
  .refine((speed) => speed === 'max' || (speed >= MIN_SPEED && speed <= MAX_SPEED), {
    error: `must be max, or from ${MIN_SPEED} to ${MAX_SPEED}`,
  })
  .default('max')
  .openapi({
    type: 'string',
    example: 'max',
    description: 'How many times as fast as it was; `max`: as fast as it is read',
  })

export const replayQuery = z
  .strictObject({
    start: timeParam.openapi({ description: "Inclusive, by the exchange's clock" }),
    end: timeParam.openapi({ description: 'Exclusive, at most now. Candles that close later are not told' }),
    channels: channelsParam,
    speed: speedParam,
    source: sourceParam
      .refine((source) => source !== 'trades', 'must be stored: candles that are built from trades are not')
      .default('exchange')
      .openapi({ description: "Whose data: the exchange's own, or such as were ingested" }),
    format: z
      .enum(['ndjson'])
      .default('ndjson')
      .openapi({ description: 'Of an answer that is no WebSocket: there is no other, whatever `Accept` says' }),
  })
  .superRefine(checkWindow)

export type ReplayQuery = z.infer<typeof replayQuery>
