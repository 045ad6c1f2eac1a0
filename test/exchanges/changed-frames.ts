import fc from 'fast-check'

/** Pieces that change what JSON means, and numbers that a double cannot hold. */
const pieces = [
  '',
  '"',
  '[',
  ']',
  '{',
  '}',
  ',',
  ':',
  '.',
  'e',
  '-',
  '0',
  '1e999',
  'null',
  '<',
  '\u0000',
  '\\u0000',
  '٣',
]
/** Values that exchanges might send by mistake, as JSON text. */
const values = [
  'null',
  '""',
  '0',
  '-1',
  '0.5',
  '1e21',
  '9007199254740993',
  '"NaN"',
  '"-0"',
  '"1e-8"',
  '[]',
  '{}',
  'true',
]
const JSON_VALUE = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null/g

/** What may become of a frame on its way. */
export const change = fc.record({
  how: fc.constantFrom('cut', 'damage', 'digit', 'digit', 'value', 'value'),
  at: fc.nat(),
  length: fc.nat({ max: 8 }),
  with: fc.nat(),
})
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

export function changed(frame: string, { how, at, length, with: which }: Change): string {
  const place = at % (frame.length + 1)
  if (how === 'cut') return frame.slice(0, place)
  if (how === 'damage') return frame.slice(0, place) + pieces[which % pieces.length] + frame.slice(place + length)
  if (how === 'digit') {
    const digit = frame.slice(place).search(/\d/)
    return digit < 0 ? frame : `${frame.slice(0, place + digit)}${which % 10}${frame.slice(place + digit + 1)}`
  }
  const spans = [...frame.matchAll(JSON_VALUE)]
  const span = spans[at % Math.max(1, spans.length)]
  if (span === undefined) return frame
  return frame.slice(0, span.index) + values[which % values.length] + frame.slice(span.index + span[0].length)
}
