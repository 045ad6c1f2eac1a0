import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { besides, decodeBody, recordedBodies } from './bodies.ts'
import { differences } from './ccxt-agreement.ts'

const bodies = recordedBodies()

describe.skipIf(bodies.length === 0)('recorded bodies', () => {
  it.each(bodies)('$name decodes', (body) => {
    const messages = decodeBody(body)
    expect(messages.length).toBeGreaterThan(0)
    expect(messages.filter((message) => message.type === 'invalid')).toEqual([])
    if (body.resource === 'error') expect(messages[0]?.['class']).not.toBe('ok')
  })

  it.each(bodies.filter((body) => besides(body.path, '.expected-ccxt.json') !== undefined))(
    '$name agrees with ccxt',
    (body) => {
      const path = besides(body.path, '.expected-ccxt.json') ?? ''
      const expected: unknown = JSON.parse(readFileSync(path, 'utf8'))
      expect(differences(decodeBody(body), expected)).toEqual([])
    },
  )
})
