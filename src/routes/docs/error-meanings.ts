import type { ErrorCode } from '../../domain/errors.ts'

/** What each code tells the caller, and what to do about it. */
export const errorMeanings = {
  invalid_request: 'An input is wrong: `errors` names each by its place. Repeating it does not help.',
  not_found: 'There is nothing at this path.',
  unknown_exchange: 'No such exchange: `/v1/exchanges` lists them.',
  unknown_instrument: 'The exchange lists no such instrument: `/v1/instruments` lists them.',
  unknown_interval: 'Not an interval: the message lists those that there are.',
  unprocessable: 'Well formed, but it cannot be carried out: `errors`, or the message, say why.',
  unauthorized: 'Writing calls need the admin token; where a deployment has none, nobody can write.',
  payload_too_large: 'The body, or the command on a stream, is too long.',
  unsupported_media_type:
    'The body must be `application/json`, or, where records are sent to `/v1/ingest`, also `application/x-ndjson`.',
  method_not_allowed: 'The path exists, with other methods: `Allow` lists them.',
  incomplete_window: 'With `strict=true`: candles are missing from the window; `errors` says which, and why.',
  stale_revision: 'The series has changed since this URL was given: ask again without `revision`.',
  idempotency_conflict: 'This `Idempotency-Key` was sent with another request, or another body: use a new one.',
  idempotency_in_flight: 'The request with this `Idempotency-Key` is still being carried out: ask again.',
  malformed_response: 'The exchange sent what it should not. It is asked again later.',
  exchange_unavailable: 'The exchange does not answer, or has blocked us for a while.',
  geo_blocked: 'The exchange does not serve the region that it is asked from.',
  rate_limited:
    'Too much was asked for: `Retry-After` says when to come back. On a stream: too many commands, and it is closed; ' +
    'or, for a book, more than is read: answer each ping, then ask again.',
  not_in_sync: 'The order book is not known to be right just now: there is no answer, rather than an old one.',
  no_data: 'Nothing has come of it yet, or the instruments of the exchange have not been loaded yet: ask again.',
  feed_unavailable: 'The live feed is not running, or does not answer, for example because it restarts.',
  feed_full: 'The feed serves no more clients itself: connect to `/v1/stream`, as `Link` says.',
  relay_full:
    'The relay serves no more clients (`RELAY_CLIENTS`): come back after `Retry-After`, or connect to `/v1/stream/{exchange}`.',
  too_many_topics:
    'The feed follows as many topics, or books, as it may (`FEED_TOPICS`, `FEED_BOOKS`), or a relay counts with as many fees ' +
    'of clients: ask again later.',
  upgrade_required: 'A stream: open it as a WebSocket, or with `Accept: text/event-stream`.',
  stale_lease: 'The object that answered has just been replaced: ask again.',
  storage_unavailable: 'The database does not answer: ask again.',
  misconfigured: 'A setting of this deployment is wrong: the message names it.',
  internal: 'Our fault. Tell the operator the `requestId`.',
} as const satisfies Record<ErrorCode, string>
