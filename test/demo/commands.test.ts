import { expect, it } from 'vitest'
import { commandsToTry } from './commands.ts'

it.each(['/v1/bbo/', '/v1/arbitrage?', '/v1/replay/', '/v1/quality?', 'source=trades', '/v1/ingest/'])(
  'what can be tried shows %s, once',
  (part) => {
    expect(commandsToTry('8787', []).filter((line) => line.includes(part))).toHaveLength(1)
  },
)
