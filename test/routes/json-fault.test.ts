import fc from 'fast-check'
import { expect, it } from 'vitest'
import { findJsonFault } from '../../src/routes/middleware/json-fault.ts'

it.each([
  ['', 0],
  ['   ', 3],
  ['{"a":1,}', 7],
  ['{"a" 1}', 5],
  ['[1 2]', 3],
  ['[1,]', 3],
  ['[1}', 2],
  ['{a:1}', 1],
  ['{"a":}', 5],
  ['tru', 0],
  ['"open', 0],
  ['"\\x"', 0],
  ['01', 1],
  ['1 2', 2],
  ['[1]]', 3],
  ['}', 0],
  ['{"a":[{"b":1}', 13],
])('%j goes wrong at %i', (text, index) => {
  expect(findJsonFault(text)).toBe(index)
})

it('finds no fault in JSON', () => {
  fc.assert(fc.property(fc.json(), (text) => findJsonFault(text) === undefined))
})

it('finds the fault of a text that is cut or changed: what stands before it can be completed', () => {
  fc.assert(
    fc.property(
      fc.json({ maxDepth: 3 }),
      fc.nat(),
      fc.constantFrom('', '"', '}', ']', ',', ':', 'x', '1'),
      (json, at, put) => {
        const index = at % (json.length + 1)
        const text = json.slice(0, index) + put + json.slice(index + 1)
        const fault = findJsonFault(text)
        if (fault === undefined) JSON.parse(text)
        else expect(fault).toBeLessThanOrEqual(text.length)
      },
    ),
  )
})
