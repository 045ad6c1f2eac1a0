import { AppError, invalidField } from '../../domain/errors.ts'
import { claimKey, finishKey, type KeyedRequest, readBatch, recordBatch, releaseKey } from '../../store/idempotency.ts'
import type { Reader } from '../../store/sessions.ts'

/** https://www.ietf.org/archive/id/draft-ietf-httpapi-idempotency-key-header-06.html: its syntax is the server's to say. */
const KEY = /^[\x20-\x7e]{1,255}$/
/** Stands for the digest of what comes after the last batch. */
const END = 'end'
const RETRY_AFTER_MS = 5_000

/** @throws AppError `invalid_request` */
export function checkKey(key: string): string {
  if (KEY.test(key)) return key
  throw invalidField('Idempotency-Key', 'must be 1 to 255 printable characters of ASCII')
}

/**
 * One request under its `Idempotency-Key`: what an earlier one with the same key has done already is answered from its
 * record and not done again.
 */
export class KeyedRun {
  readonly #db: Reader
  readonly #request: KeyedRequest
  readonly #now: () => number
  /** Whether the request is carried out here, and not only answered again. */
  #isRunning = false

  constructor(db: Reader, request: KeyedRequest, now: () => number) {
    this.#db = db
    this.#request = request
    this.#now = now
  }

  /**
   * @param first the text of the first batch
   * @throws AppError `idempotency_conflict`, `idempotency_in_flight`
   */
  async claim(first: string | undefined): Promise<void> {
    const digest = first === undefined ? END : await digestOf(first)
    const claim = await claimKey(this.#db, this.#request, digest, this.#now())
    if (claim === 'conflict') throw conflict()
    if (claim === 'in_flight') {
      const detail = 'a request with this Idempotency-Key is being carried out'
      throw new AppError('idempotency_in_flight', detail, { retryAfterMs: RETRY_AFTER_MS })
    }
    this.#isRunning = claim === 'running'
  }

  /**
   * What a batch was answered before; `undefined` where it is still to be carried out.
   *
   * @param text of the batch; `undefined` for the end of the request
   * @throws AppError `idempotency_conflict` where the body differs from the earlier one
   */
  async recall(number: number, text: string | undefined): Promise<string | undefined> {
    const record = await readBatch(this.#db, this.#request.key, number)
    const digest = text === undefined ? END : await digestOf(text)
    if (record === undefined && this.#isRunning) return undefined
    if (record?.digest !== digest) throw conflict()
    return record.answer
  }

  async record(number: number, text: string, answer: string): Promise<void> {
    if (!this.#isRunning) return
    await recordBatch(this.#db, this.#request.key, { number, digest: await digestOf(text), answer }, this.#now())
  }

  /** After the last batch: from now on the request is only answered again. */
  async finish(number: number, answer: string): Promise<void> {
    if (!this.#isRunning) return
    await finishKey(this.#db, this.#request.key, { number, digest: END, answer }, this.#now())
  }

  /** The request has come to no good end: it may be sent again at once. */
  async release(): Promise<void> {
    if (this.#isRunning) await releaseKey(this.#db, this.#request.key)
  }
}

function conflict(): AppError {
  return new AppError('idempotency_conflict', 'this Idempotency-Key was used for another request or another body')
}

async function digestOf(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
