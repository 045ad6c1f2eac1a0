/**
 * The longest line that is read: as long as a frame may be that a Worker receives, whole books of Coinbase take a few
 * megabytes. https://developers.cloudflare.com/workers/platform/limits/
 */
export const MAX_LINE_LENGTH = 32 * 1_024 * 1_024

/** `null`: it is longer than may be, and was stepped over. */
export type Line = string | null

const BYTE_ORDER_MARK = '\uFEFF'

/**
 * The lines of a stream of text as they arrive: with each chunk those that it completes, at the end the last one, which
 * may lack its line feed. Blank ones are left out, carriage returns and a byte order mark at the start are cut off.
 */
export async function* readLines(
  chunks: AsyncIterable<string>,
  maxLength = MAX_LINE_LENGTH,
): AsyncGenerator<readonly Line[]> {
  const begun = new BegunLine(maxLength)
  let isFirst = true
  for await (const chunk of chunks) {
    if (chunk === '') continue
    const [first = '', ...others] = (isFirst ? withoutMark(chunk) : chunk).split('\n')
    isFirst = false
    begun.add(first)
    const lines: Line[] = []
    for (const next of others) {
      lines.push(begun.end())
      begun.add(next)
    }
    yield lines.filter(isNotBlank)
  }
  yield [begun.end()].filter(isNotBlank)
}

/** A line of which more may come. Its pieces are joined once: each joined to the ones before would be copied again and again. */
class BegunLine {
  readonly #maxLength: number
  #pieces: string[] = []
  #length = 0

  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  add(piece: string): void {
    this.#length += piece.length
    if (this.#length > this.#maxLength) this.#pieces = []
    else this.#pieces.push(piece)
  }

  end(): Line {
    const line = this.#length > this.#maxLength ? null : withoutReturn(this.#pieces.join(''))
    this.#pieces = []
    this.#length = 0
    return line
  }
}

function withoutMark(text: string): string {
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

function isNotBlank(line: Line): boolean {
  return line === null || line.trim() !== ''
}
