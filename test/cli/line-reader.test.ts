import { describe, expect, it } from 'vitest'
import { type Line, readLines } from '../../src/cli/line-reader.ts'

async function* chunksOf(...chunks: readonly string[]): AsyncGenerator<string> {
  yield* chunks
}

async function givenFor(chunks: readonly string[], maxLength?: number) {
  const given: (readonly Line[])[] = []
  for await (const lines of readLines(chunksOf(...chunks), maxLength)) given.push(lines)
  return given
}

async function linesOf(chunks: readonly string[], maxLength?: number) {
  return (await givenFor(chunks, maxLength)).flat()
}

describe('lines', () => {
  it('are the same, however the text is cut into chunks', async () => {
    const text = '\uFEFF{"a":1}\r\n\n  \n{"b":"币安"}\n{"c":3}'
    const expected = ['{"a":1}', '{"b":"币安"}', '{"c":3}']
    expect(await linesOf([text])).toEqual(expected)
    expect(await linesOf([...text])).toEqual(expected)
    expect(await linesOf(['', ...text])).toEqual(expected)
  })

  it('keep a byte order mark that is not at the start', async () => {
    expect(await linesOf(['a\n', '\uFEFFb'])).toEqual(['a', '\uFEFFb'])
  })

  it('are given with the chunk that ends them', async () => {
    expect(await givenFor(['a\nb', 'c', '\nd\n'])).toEqual([['a'], [], ['bc', 'd'], []])
  })

  it('that are too long are stepped over', async () => {
    const text = 'aaaa\nbbbbb\ncc\nddddddddd'
    const expected = ['aaaa', null, 'cc', null]
    expect(await linesOf([text], 4)).toEqual(expected)
    expect(await linesOf([...text], 4)).toEqual(expected)
  })

  it('take no longer for each chunk as they grow', async () => {
    const read = async (count: number) => {
      const startedAt = performance.now()
      const chunks = Array.from({ length: count }, () => 'a'.repeat(1_024))
      expect((await linesOf([...chunks, '\n']))[0]).toHaveLength(count * 1_024)
      return performance.now() - startedAt
    }
    await read(1_000)
    // The square of it would take minutes.
    expect(await read(20_000)).toBeLessThan(5_000)
  })
})
