import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { connectors, exchangeNames } from '../../src/exchanges/registry.ts'
import { fixtureFrames } from './frames.ts'

const files = fixtureFrames()

/** What each frame says, a line each. */
function decodedLines({ exchange, kind, frames }: (typeof files)[number]): string {
  return frames.map((frame) => `${JSON.stringify(connectors[exchange].stream.decode(frame, kind))}\n`).join('')
}

describe('the project’s own frames', () => {
  it.each(files)('$name decodes to what is expected of it', (file) => {
    const expected = readFileSync(file.path.replace(/\.ndjson$/, '.expected.ndjson'), 'utf8')
    expect(decodedLines(file)).toBe(expected)
  })

  it.each(exchangeNames)('cover what %s streams', (exchange) => {
    const lines = files.filter((file) => file.exchange === exchange).map(decodedLines)
    const found = new Set([...lines.join('').matchAll(/"(?:kind|channel)":"([\w-]+)"/g)].map(([, name]) => name))
    const common = ['data', 'ack', 'rejected', 'ignored', 'trades', 'ticker', 'bbo', 'book', 'snapshot', 'update']
    expect([...found]).toEqual(expect.arrayContaining(common))
    if (exchange !== 'coinbase') {
      expect([...found]).toEqual(expect.arrayContaining(['candles', 'funding', 'liquidations']))
    }
  })
})
