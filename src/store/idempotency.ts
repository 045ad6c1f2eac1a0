import type { Reader } from './sessions.ts'

/** How long a key stands for its request. */
const KEPT_MS = 24 * 60 * 60_000
/** A request that has not gone on for so long has died with its worker: the same one may take over. */
const DEAD_AFTER_MS = 60_000

/** A request that carries an `Idempotency-Key`. */
export interface KeyedRequest {
  readonly key: string
  /** Method, path, query and media type: a key is for one request. */
  readonly request: string
}

/**
 * - `running`: it is this request's to carry out, from the start or from where another stopped;
 * - `done`: it has been carried out, and its batches' answers are kept;
 * - `in_flight`: another one is carrying it out;
 * - `conflict`: the key was used for another request or body.
 */
export type Claim = 'running' | 'done' | 'in_flight' | 'conflict'

/** What a batch was, and what it was answered. */
export interface BatchRecord {
  /** Counts from 0. */
  readonly number: number
  /** Of the batch's text. */
  readonly digest: string
  /** As it was sent. */
  readonly answer: string
}

interface KeyRow {
  readonly request: string
  readonly state: 'running' | 'done'
  readonly digest: string | null
}

/**
 * Claims a key for a request, if nobody else has. Keys older than a day are deleted first.
 *
 * @param digest of the first batch
 * @param now ms UTC
 */
export async function claimKey(
  db: Reader,
  { key, request }: KeyedRequest,
  digest: string,
  now: number,
): Promise<Claim> {
  const [, , claimed, found] = await db.batch<KeyRow>([
    db.prepare(DELETE_OLD_BATCHES).bind(now - KEPT_MS),
    db.prepare('DELETE FROM idempotency_keys WHERE created_at <= ?1').bind(now - KEPT_MS),
    db.prepare(CLAIM).bind(key, request, now, now - DEAD_AFTER_MS, digest),
    db.prepare(FIND).bind(key),
  ])
  if ((claimed?.results.length ?? 0) > 0) return 'running'
  const row = found?.results[0]
  if (row?.request !== request || (row.digest !== null && row.digest !== digest)) return 'conflict'
  return row.state === 'done' ? 'done' : 'in_flight'
}

const DELETE_OLD_BATCHES = `
DELETE FROM idempotency_batches WHERE key IN (SELECT key FROM idempotency_keys WHERE created_at <= ?1)`

/** One statement, so that of two that come at once only one gets it. */
const CLAIM = `
INSERT INTO idempotency_keys (key, request, state, created_at, touched_at) VALUES (?1, ?2, 'running', ?3, ?3)
ON CONFLICT (key) DO UPDATE SET touched_at = ?3
WHERE request = ?2 AND state = 'running' AND touched_at <= ?4
AND NOT EXISTS (SELECT 1 FROM idempotency_batches b WHERE b.key = ?1 AND b.number = 0 AND b.digest <> ?5)
RETURNING request, state, NULL AS digest`

const FIND = `
SELECT request, state, (SELECT digest FROM idempotency_batches b WHERE b.key = k.key AND number = 0) AS digest
FROM idempotency_keys k WHERE key = ?1`

/** What an earlier request with the key recorded of a batch; `undefined` where it did not come so far. */
export async function readBatch(db: Reader, key: string, number: number): Promise<BatchRecord | undefined> {
  const row = await db
    .prepare('SELECT number, digest, answer FROM idempotency_batches WHERE key = ?1 AND number = ?2')
    .bind(key, number)
    .first<BatchRecord>()
  return row ?? undefined
}

/** Records what a batch was answered, and that the request goes on. */
export async function recordBatch(db: Reader, key: string, record: BatchRecord, now: number): Promise<void> {
  await db.batch([insertBatch(db, key, record), touch(db, key, 'running', now)])
}

/** Records the end of a request: the same one is from now on answered with what it was. */
export async function finishKey(db: Reader, key: string, record: BatchRecord, now: number): Promise<void> {
  await db.batch([insertBatch(db, key, record), touch(db, key, 'done', now)])
}

/** Lets the same request be carried out again at once: this one has come to no good end. */
export async function releaseKey(db: Reader, key: string): Promise<void> {
  await touch(db, key, 'running', 0).run()
}

function insertBatch(db: Reader, key: string, { number, digest, answer }: BatchRecord): D1PreparedStatement {
  return db
    .prepare(
      'INSERT INTO idempotency_batches (key, number, digest, answer) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING',
    )
    .bind(key, number, digest, answer)
}

function touch(db: Reader, key: string, state: 'running' | 'done', now: number): D1PreparedStatement {
  return db.prepare('UPDATE idempotency_keys SET state = ?2, touched_at = ?3 WHERE key = ?1').bind(key, state, now)
}
