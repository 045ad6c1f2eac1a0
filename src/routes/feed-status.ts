import { z } from '@hono/zod-openapi'
import { feedStates, socketStates } from '../live/status.ts'

const time = z.int()

/** How the live feed of an exchange is. */
export const feedStatusSchema = z
  .object({
    exchange: z.string(),
    state: z.enum(feedStates),
    since: time,
    epoch: z.string().openapi({ description: 'Changes when the feed restarts, and with it the numbers of messages' }),
    clients: z.int(),
    topics: z.int(),
    messagesPerSecond: z.number(),
    dataAgeMs: z.number().nullable().openapi({ description: 'Since the newest data; heartbeats are none' }),
    reconnects: z.int(),
    gaps: z.int(),
    resyncs: z.int(),
    invalidFrames: z.int(),
    lastError: z.string().nullable(),
    sockets: z.array(
      z.object({
        endpoint: z.string(),
        state: z.enum(socketStates),
        topics: z.int(),
        connectedAt: time.nullable(),
        dataAgeMs: z.number().nullable(),
        retryAt: time.nullable(),
      }),
    ),
    stale: z.array(z.string()).openapi({ description: 'Topics whose newest data did not come by the stream' }),
    quiet: z.array(z.string()).openapi({ description: 'Topics in which nothing happens, as the exchange confirms' }),
    rejected: z.array(z.object({ topic: z.string(), reason: z.string() })),
    unsynced: z
      .array(z.object({ symbol: z.string(), reason: z.string() }))
      .openapi({ description: 'Books that are not in sync, and why: at most 100 of them are named' }),
  })
  .openapi('FeedStatus')
