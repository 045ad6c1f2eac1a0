import { findJsonFault } from '../middleware/json-fault.ts'
import { Unreadable } from './unreadable.ts'

/** Lines of one batch, which is carried out as a whole. */
export const BATCH_LINES = 1_000
/** A batch ends early where its lines are long: this, not their number, bounds the memory that it takes. */
const BATCH_BYTES = 4_000_000
/** No record that is taken comes near it: the longest book has 10,000 levels of some 40 bytes. */
export const MAX_LINE_BYTES = 1_000_000

/** Asked for at a time: left alone, the runtime hands out 4 kB, at a cost of some 50 µs each. */
const READ_BYTES = 131_072

const [LINE_FEED, BYTE_ORDER_MARK] = [10, [0xef, 0xbb, 0xbf]] as const

/** A line of a body as text, or why it is none. */
export type Line = string | Unreadable

/** What a body holds next: at most {@link BATCH_LINES} lines that are not blank. */
export interface LineBatch {
  readonly lines: readonly Line[]
  /** Their places in the body, blank lines counted, from 1. */
  readonly numbers: readonly number[]
  /** Whether it is as large as a batch may be. One that is not is the last. */
  readonly isFull: boolean
}

/**
 * Reads the lines of a body as it arrives, batch by batch. Lines end with LF or CR LF; blank ones are left out, as is a
 * byte order mark. A line that is too long or no UTF-8 stands as {@link Unreadable}, and the others are read on.
 */
export class LineReader {
  readonly #body: ReadableStreamBYOBReader
  #lines: Line[] = []
  #numbers: number[] = []
  #bytes = 0
  #lineNumber = 0
  /** The beginning of a line whose end has not arrived. */
  #rest: Uint8Array[] = []
  #restBytes = 0
  #hasEnded = false
  #hasBrokenOff = false

  constructor(body: ReadableStream<Uint8Array>) {
    this.#body = body.getReader({ mode: 'byob' })
  }

  /** Whether the body ended in the middle of a line, or its connection was cut. Known after the last batch. */
  get hasBrokenOff(): boolean {
    return this.#hasBrokenOff
  }

  /** The next batch; `undefined` after the last one. */
  async next(): Promise<LineBatch | undefined> {
    for (;;) {
      const batch = this.#cutBatch()
      if (batch !== undefined) return batch
      if (this.#hasEnded) return undefined
      await this.#readOn()
    }
  }

  /** Reads no more of the body. */
  async stop(): Promise<void> {
    this.#hasEnded = true
    await this.#body.cancel().catch(() => undefined)
  }

  /** What has arrived, once it is a whole batch or nothing follows. */
  #cutBatch(): LineBatch | undefined {
    const { length } = this.#lines
    const isFull = length >= BATCH_LINES || this.#bytes >= BATCH_BYTES
    if (length === 0 || !(isFull || this.#hasEnded)) return undefined
    const count = this.#countOfBatch()
    const batch = { lines: this.#lines.slice(0, count), numbers: this.#numbers.slice(0, count), isFull }
    this.#lines = this.#lines.slice(count)
    this.#numbers = this.#numbers.slice(count)
    this.#bytes = this.#lines.reduce((sum, line) => sum + sizeOf(line), 0)
    return batch
  }

  /** Depends on the lines alone, not on how they arrived: the same body makes the same batches. */
  #countOfBatch(): number {
    let bytes = 0
    for (let count = 0; count < this.#lines.length; count++) {
      if (count === BATCH_LINES || bytes >= BATCH_BYTES) return count
      bytes += sizeOf(this.#lines[count])
    }
    return this.#lines.length
  }

  async #readOn(): Promise<void> {
    try {
      const { done, value } = await this.#body.read(new Uint8Array(READ_BYTES))
      if (done) this.#end()
      else this.#receive(value)
    } catch {
      this.#hasEnded = true
      this.#hasBrokenOff = true
    }
  }

  /** The last line may lack its line feed; one that is cut off is no JSON, for every record is an object. */
  #end(): void {
    this.#hasEnded = true
    const rest = this.#takeRest(new Uint8Array())
    const [line] = decodeLines(rest)
    if (line === undefined || rest.length === 0) return
    if (typeof line === 'string' && isBlank(line)) return
    if (typeof line === 'string' && findJsonFault(line) === undefined) this.#add(line)
    else this.#hasBrokenOff = true
  }

  #receive(chunk: Uint8Array): void {
    const first = chunk.indexOf(LINE_FEED)
    const last = chunk.lastIndexOf(LINE_FEED)
    if (first >= 0) for (const line of decodeLines(this.#takeRest(chunk.subarray(0, first)))) this.#add(line)
    if (first < last) for (const line of decodeLines(chunk.subarray(first + 1, last))) this.#add(line)
    this.#keep(chunk.subarray(last + 1))
  }

  /** Of a line that is too long only its length is kept. */
  #keep(part: Uint8Array): void {
    this.#restBytes += part.length
    if (this.#restBytes > MAX_LINE_BYTES) this.#rest = []
    else if (part.length > 0) this.#rest.push(part)
  }

  /** The line that ends with `end`. */
  #takeRest(end: Uint8Array): Uint8Array {
    this.#keep(end)
    const isTooLong = this.#restBytes > MAX_LINE_BYTES
    const line = new Uint8Array(isTooLong ? MAX_LINE_BYTES + 1 : this.#restBytes)
    let at = 0
    for (const part of this.#rest) {
      line.set(part, at)
      at += part.length
    }
    this.#rest = []
    this.#restBytes = 0
    const isFirst = this.#lineNumber === 0 && BYTE_ORDER_MARK.every((byte, index) => line[index] === byte)
    return isFirst ? line.subarray(BYTE_ORDER_MARK.length) : line
  }

  #add(line: Line): void {
    this.#lineNumber++
    if (typeof line === 'string' && isBlank(line)) return
    this.#lines.push(line)
    this.#numbers.push(this.#lineNumber)
    this.#bytes += sizeOf(line)
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Whole lines, all at once where that is possible: a call a line costs as much as parsing it. */
function decodeLines(bytes: Uint8Array): Line[] {
  const text = decode(bytes)
  if (text === undefined) return splitBytes(bytes).map(decodeLine)
  const lines = text.split('\n')
  return bytes.length > MAX_LINE_BYTES ? lines.map((line) => (isTooLong(line) ? TOO_LONG : line)) : lines
}

function decodeLine(bytes: Uint8Array): Line {
  return bytes.length > MAX_LINE_BYTES ? TOO_LONG : (decode(bytes) ?? NOT_UTF8)
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

function splitBytes(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = []
  let from = 0
  for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, from)) {
    lines.push(bytes.subarray(from, end))
    from = end + 1
  }
  return [...lines, bytes.subarray(from)]
}

const TOO_LONG = new Unreadable('line_too_long', `the line is longer than ${MAX_LINE_BYTES} bytes`)
const NOT_UTF8 = new Unreadable('malformed', 'the line is not UTF-8')

function isTooLong(line: string): boolean {
  if (line.length > MAX_LINE_BYTES) return true
  // No character of UTF-16 takes more than three bytes of UTF-8.
  return line.length * 3 > MAX_LINE_BYTES && new TextEncoder().encode(line).length > MAX_LINE_BYTES
}

const BLANK = /^[ \t\r]*$/

/** Nearly every line begins with a brace. */
function isBlank(line: string): boolean {
  return !line.startsWith('{') && BLANK.test(line)
}

function sizeOf(line: Line | undefined): number {
  return typeof line === 'string' ? line.length : 0
}
