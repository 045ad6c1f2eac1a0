import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { docsPage } from '../src/routes/docs/page.ts'

/** As much of an element as the page uses. */
class Node {
  readonly children: (Node | string)[] = []
  textContent = ''

  append(...children: (Node | string)[]): void {
    this.children.push(...children)
  }

  prepend(...children: (Node | string)[]): void {
    this.children.unshift(...children)
  }

  get text(): string {
    return this.textContent + this.children.map((child) => (typeof child === 'string' ? child : child.text)).join('\n')
  }
}

/** What the page shows of one call. */
async function draw(operation: object, schemas: object = {}): Promise<string> {
  const api = { info: { description: 'about' }, components: { schemas }, paths: { '/x': { post: operation } } }
  const elements = new Map<string, Node>()
  const document = {
    createElement: () => new Node(),
    getElementById: (id: string) => {
      const element = elements.get(id) ?? new Node()
      elements.set(id, element)
      return element
    },
  }
  const [, script = ''] = docsPage.match(/<script>([\s\S]*)<\/script>/) ?? []
  const fetch = async () => ({ json: async () => api })
  // The value of the script is that of its last statement: when all is drawn.
  await runInNewContext(script, { document, fetch })
  return elements.get('calls')?.text ?? ''
}

it('shows every form of a body, in every type of content', async () => {
  const record = { type: 'object', properties: { price: { anyOf: [{ type: 'string' }, { type: 'number' }] } } }
  const text = await draw(
    {
      tags: ['T'],
      requestBody: {
        content: {
          'application/json': { schema: { type: 'array', items: { $ref: '#/components/schemas/Record' } } },
          'application/x-ndjson': { schema: { type: 'string', description: 'A record a line' } },
        },
      },
      responses: {
        200: {
          description: 'Done',
          content: {
            'application/x-ndjson': {
              schema: {
                anyOf: [
                  { type: 'object', properties: { batch: { type: 'integer' } } },
                  { type: 'object', properties: { summary: { const: true } } },
                ],
              },
            },
          },
        },
      },
    },
    { Record: record },
  )
  expect(text).toContain('Body · application/json')
  expect(text).toContain('"price": "string | number"')
  expect(text).toContain('Body · application/x-ndjson · A record a line')
  expect(text.replaceAll(/\s/g, '')).toContain('{"oneof":[{"batch":"integer"},{"summary":"true"}]}')
})

it('speaks of all that streams', () => {
  for (const name of ['/v1/replay/{exchange}/{symbol}', '<code>*</code>', 'arbitrage', 'end', '1000', '1011']) {
    expect(docsPage).toContain(name)
  }
})
