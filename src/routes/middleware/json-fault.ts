/** One token of JSON with the space before it. https://www.rfc-editor.org/rfc/rfc8259 */
const TOKEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these inside of strings
  /[ \t\n\r]*(?:([[\]{},:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null))/y
const SPACE = /[ \t\n\r]*/y

type Expected = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end'

/**
 * Where a text stops being JSON, as the index of the first character that cannot be (its length, where it ends too
 * early); `undefined` for valid JSON. The engine's own parser says so only for some faults.
 */
export function findJsonFault(text: string): number | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch {
    return scan(text)
  }
}

function scan(text: string): number {
  const open: ('[' | '{')[] = []
  let expected: Expected = 'value'
  for (let index = 0; ; index = TOKEN.lastIndex) {
    const start = skipSpace(text, index)
    TOKEN.lastIndex = index
    const match = TOKEN.exec(text)
    if (match === null) return start
    const [, mark, string] = match
    const next = step(expected, mark ?? (string === undefined ? 'scalar' : 'string'), open)
    if (next === undefined) return start
    expected = next
  }
}

function skipSpace(text: string, index: number): number {
  SPACE.lastIndex = index
  SPACE.test(text)
  return SPACE.lastIndex
}

/** What may follow a token, or `undefined` where it may not stand here. Keeps the stack of what is open. */
function step(expected: Expected, token: string, open: ('[' | '{')[]): Expected | undefined {
  if (token === ']' || token === '}') {
    const mayEnd = expected === 'comma-or-end' || expected === (token === ']' ? 'value-or-end' : 'key-or-end')
    const isMatching = open.at(-1) === (token === ']' ? '[' : '{')
    if (!mayEnd || !isMatching) return undefined
    open.pop()
    return 'comma-or-end'
  }
  switch (expected) {
    case 'value':
    case 'value-or-end':
      if (token === '[' || token === '{') {
        open.push(token)
        return token === '[' ? 'value-or-end' : 'key-or-end'
      }
      return token === 'string' || token === 'scalar' ? 'comma-or-end' : undefined
    case 'key':
    case 'key-or-end':
      return token === 'string' ? 'colon' : undefined
    case 'colon':
      return token === ':' ? 'value' : undefined
    case 'comma-or-end':
      if (token !== ',' || open.length === 0) return undefined
      return open.at(-1) === '[' ? 'value' : 'key'
  }
}
