import { z } from 'zod'
import { olderSubscription, streamCommand } from '../../domain/stream-command.ts'
import { exchangeNames } from '../../exchanges/registry.ts'
import { serverMessages } from './messages.ts'

/** https://www.asyncapi.com/docs/reference/specification/v3.0.0 */
const ASYNCAPI = '3.0.0'
/** What the specification's own schema objects are a superset of. */
const SCHEMA_DIALECT = 'draft-07'

const description = `Live trades, candles, tickers, best bids and offers, order books and funding rates of crypto exchanges,
and, with \`exchange: "*"\`, the best bid and offer and arbitrage across them.
A client sends one command a message; the server sends frames, each a JSON array of messages.
A replay sends what is stored as the same messages, with an \`epoch\` that begins with \`replay-\`, and \`end\` as the last one.
Close codes: 1000 end of a replay, 1008 slow or abuse, 1011 a replay that broke off, 1012 restart.`

/** The description of the stream: what clients send is what is validated. */
export function describeStream(url: URL) {
  const messages = {
    command: message('What a client sends', '#/components/schemas/Command'),
    frame: message('What the server sends', '#/components/schemas/Frame'),
  }
  return {
    asyncapi: ASYNCAPI,
    info: { title: 'zvt-crypto stream', version: '1', description },
    defaultContentType: 'application/json',
    servers: { here: { host: url.host, protocol: url.protocol === 'http:' ? 'ws' : 'wss' } },
    channels: {
      exchange: {
        ...channel('/v1/stream/{exchange}', 'The feed of one exchange'),
        parameters: { exchange: { enum: [...exchangeNames], description: 'Its name' } },
      },
      all: channel('/v1/stream', 'A relay for every exchange, and for what is seen across them'),
      replay: {
        ...channel('/v1/replay/{exchange}/{symbol}', 'What is stored of one instrument; its window is in the query'),
        parameters: {
          exchange: { description: 'Its name, also that of an exchange that a user has registered' },
          symbol: { description: 'Such as BTC-USDT' },
        },
      },
    },
    operations: {
      ...operations('exchange'),
      ...operations('all'),
      ...operations('replay'),
    },
    components: { messages, schemas: schemas() },
  }
}

function message(title: string, $ref: string) {
  return { title, contentType: 'application/json', payload: { $ref } }
}

function channel(address: string, summary: string) {
  return {
    address,
    summary,
    messages: { command: { $ref: '#/components/messages/command' }, frame: { $ref: '#/components/messages/frame' } },
    bindings: { ws: { method: 'GET', bindingVersion: '0.1.0' } },
  }
}

/** As the server sees them: it receives commands. */
function operations(name: string) {
  const operation = (action: 'send' | 'receive', content: string) => ({
    action,
    channel: { $ref: `#/channels/${name}` },
    messages: [{ $ref: `#/channels/${name}/messages/${content}` }],
  })
  return { [`${name}Commands`]: operation('receive', 'command'), [`${name}Frames`]: operation('send', 'frame') }
}

function schemas(): Readonly<Record<string, object>> {
  const named = Object.entries(serverMessages).map(([type, schema]) => [type, schemaOf(schema)] as const)
  const oneOf = named.map(([type]) => ({ $ref: `#/components/schemas/${type}` }))
  return {
    Command: { oneOf: [schemaOf(streamCommand), schemaOf(olderSubscription)] },
    Frame: { type: 'array', items: { oneOf }, description: 'Messages in the order in which they were made' },
    ...Object.fromEntries(named),
  }
}

function schemaOf(schema: z.ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: SCHEMA_DIALECT, io: 'input' })
  return rest
}
