/**
 * The headers of the API as its description tells them. What checks and sets them stands elsewhere.
 * https://spec.openapis.org/oas/v3.1.0#header-object
 */

const text = (description: string) => ({ description, schema: { type: 'string' } }) as const

/** Of every call that reads the databases. */
export const bookmarkParameter = {
  name: 'X-Bookmark',
  in: 'header',
  ...text('That of an earlier write, which this answer must take in'),
} as const

/** Of an answer to a write. */
export const bookmarkHeader = { 'X-Bookmark': text('Send it with a read that must see this write') }

/** Of an answer with candles: what a body without room for it cannot say. */
export const candleHeaders = {
  'X-Coverage-Complete': { description: 'Whether nothing is missing', schema: { type: 'boolean' } },
  'X-Coverage-Missing': text(
    'JSON: `[[from, to, reason]]`, the first 100; with `all=true` `[[symbol, from, to, reason]]`',
  ),
  'X-Coverage-Missing-Truncated': text('`true` where more is missing, or may be, than is listed'),
  'X-Next-Cursor': text('`nextCursor`, where there is one'),
  'X-Immutable-Url': text('`immutableUrl`, where there is one'),
  Link: text('`nextUrl` as `rel="next"`, where there is one'),
  'X-Candles-Compared': {
    description: 'With `source=trades`: `compared`, not with `all=true`',
    schema: { type: 'integer' },
  },
  'X-Candles-Differing': {
    description: 'With `source=trades`: `differing`, not with `all=true`',
    schema: { type: 'integer' },
  },
  ETag: text('For `If-None-Match`; not with `includeOpen`, `all=true` or `source=trades`'),
} as const

/** Of an answer with trades. */
export const tradeHeaders = {
  'X-Coverage-Complete': candleHeaders['X-Coverage-Complete'],
  'X-Coverage-Missing': text('JSON: `gaps`, the first 100'),
  'X-Coverage-Missing-Truncated': text('`true` where there are more gaps than are listed'),
  'X-Next-Cursor': candleHeaders['X-Next-Cursor'],
  Link: candleHeaders.Link,
} as const
