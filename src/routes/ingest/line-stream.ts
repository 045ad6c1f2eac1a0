import { AppError } from '../../domain/errors.ts'
import type { Named } from '../../domain/ingest.ts'
import { parseJson } from '../../exchanges/decode.ts'
import { findJsonFault } from '../middleware/json-fault.ts'
import { toAppError } from '../problem.ts'
import { type BatchAnswer, batchAnswer, countsOf, type SummaryAnswer, Tally } from './answers.ts'
import type { Intake, JudgedBatch } from './intake.ts'
import type { KeyedRun } from './keyed-run.ts'
import { type Line, type LineBatch, LineReader } from './lines.ts'
import { Unreadable } from './unreadable.ts'

/** What a stream of lines needs beside what takes them in. */
export interface LineStreamPorts {
  readonly keyed: KeyedRun | undefined
  /** Of what has been written. */
  readonly bookmark: () => string
  /** After each batch that added or changed something. */
  readonly onChange: () => void
}

/**
 * Takes in NDJSON as it arrives: a batch after the other, each as a whole, and answers a line to each, then a summary.
 * While one batch is stored the next one is read and judged; nothing else is held, however long the body is.
 */
export class LineStream<R extends Named> {
  readonly #reader: LineReader
  readonly #intake: Intake<R>
  readonly #ports: LineStreamPorts
  readonly #tally = new Tally()
  #first: LineBatch | undefined
  #batches = 0
  #records = 0
  #lastLine = 0
  #failure: AppError | undefined

  constructor(body: ReadableStream<Uint8Array>, intake: Intake<R>, ports: LineStreamPorts) {
    this.#reader = new LineReader(body)
    this.#intake = intake
    this.#ports = ports
  }

  /**
   * Reads the first batch and claims the request's key with it, before there is an answer.
   *
   * @throws AppError `idempotency_conflict`, `idempotency_in_flight`
   */
  async open(): Promise<void> {
    this.#first = await this.#reader.next()
    await this.#ports.keyed?.claim(this.#first === undefined ? undefined : textOf(this.#first))
  }

  /** Carries it all out. Never fails: what goes wrong is answered. */
  async run(answer: (line: string) => void): Promise<void> {
    try {
      await this.#takeBatches(answer)
    } catch (error) {
      this.#fail(error)
    }
    await this.#reader.stop()
    const hasBrokenOff = this.#failure === undefined && this.#reader.hasBrokenOff
    if (hasBrokenOff) this.#failure = new AppError('invalid_request', `the body broke off after line ${this.#lastLine}`)
    answer(await this.#end())
  }

  async #takeBatches(answer: (line: string) => void): Promise<void> {
    let storing: Promise<void> = Promise.resolve()
    try {
      for (let lines = this.#first; lines !== undefined; lines = await this.#reader.next()) {
        const judged = await this.#intake.judge(lines.lines.map(parseLine))
        await storing
        if (this.#failure !== undefined) return
        const batch = lines
        storing = this.#take(batch, judged).then(answer, (error) => this.#fail(error))
      }
    } finally {
      // Also where the next batch could not be judged: what is stored by then is told.
      await storing
    }
  }

  /** @returns the batch's answer */
  async #take(lines: LineBatch, judged: JudgedBatch<R>): Promise<string> {
    const { keyed, onChange } = this.#ports
    const text = keyed === undefined ? '' : textOf(lines)
    const recalled = await keyed?.recall(this.#batches, text)
    const answer = recalled === undefined ? await this.#store(lines, judged) : batchAnswer.parse(JSON.parse(recalled))
    const line = recalled ?? JSON.stringify(answer)
    // The last batch of a body that broke off is another one when the whole body comes.
    const isWhole = lines.isFull || !this.#reader.hasBrokenOff
    if (recalled === undefined && isWhole) await keyed?.record(this.#batches, text, line)
    this.#tally.add(answer, answer.rejections.length)
    this.#batches++
    this.#records = answer.to
    this.#lastLine = answer.lastLine
    if (answer.accepted + answer.revised > 0) onChange()
    return line
  }

  async #store({ numbers }: LineBatch, judged: JudgedBatch<R>): Promise<BatchAnswer> {
    const written = await this.#intake.store(judged)
    const from = this.#records
    return {
      batch: this.#batches,
      from,
      to: from + judged.size,
      lastLine: numbers.at(-1) ?? 0,
      ...countsOf(written, judged.refused),
      rejections: this.#tally.show(judged.refused, (place) => ({ index: from + place, line: numbers[place] })),
    }
  }

  #fail(error: unknown): void {
    this.#failure = toAppError(error)
    const { code, cause } = this.#failure
    if (code === 'internal' || code === 'storage_unavailable') console.error('ingestion failed', String(cause ?? error))
  }

  /** The summary; that of a whole body is kept with its key. */
  async #end(): Promise<string> {
    const { keyed } = this.#ports
    try {
      if (this.#failure !== undefined) await keyed?.release()
      else {
        const recalled = await keyed?.recall(this.#batches, undefined)
        if (recalled !== undefined) return recalled
        const summary = this.#summary()
        await keyed?.finish(this.#batches, summary)
        return summary
      }
    } catch (error) {
      this.#fail(error)
    }
    return this.#summary()
  }

  #summary(): string {
    const summary: SummaryAnswer = {
      summary: true,
      batches: this.#batches,
      ...this.#tally.counts,
      incomplete: this.#failure !== undefined,
      lastLine: this.#lastLine,
      error: this.#failure === undefined ? null : { code: this.#failure.code, detail: this.#failure.detail },
      bookmark: this.#ports.bookmark(),
    }
    return JSON.stringify(summary)
  }
}

function parseLine(line: Line): unknown {
  if (line instanceof Unreadable) return line
  try {
    return parseJson(line, 'the line')
  } catch {
    const fault = findJsonFault(line)
    const message = fault === undefined ? 'is nested too deeply' : `is not JSON: it goes wrong at column ${fault + 1}`
    return new Unreadable('malformed', message)
  }
}

/** What makes a batch the same batch. */
function textOf({ lines }: LineBatch): string {
  return lines.map((line) => (line instanceof Unreadable ? line.fault.reason : line)).join('\n')
}
