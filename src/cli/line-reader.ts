/**
 * The lines of a stream of text as they arrive: with each chunk those that it completes, at the end the last one, which
 * may lack its line feed. Blank ones are left out, carriage returns are cut off.
 */
export async function* readLines(chunks: AsyncIterable<string>): AsyncGenerator<readonly string[]> {
  let rest = ''
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    yield lines.map(withoutReturn).filter(isNotBlank)
  }
  yield [withoutReturn(rest)].filter(isNotBlank)
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

function isNotBlank(line: string): boolean {
  return line.trim() !== ''
}
