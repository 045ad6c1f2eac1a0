import type { OpenAPIHono } from '@hono/zod-openapi'

type Definitions = OpenAPIHono['openAPIRegistry']['definitions']

/** The methods that a path understands; none for an unknown path. */
export function allowedMethods(definitions: Definitions, path: string): readonly string[] {
  const methods = definitions.flatMap((definition) =>
    definition.type === 'route' && isMatch(definition.route.path, path) ? [definition.route.method.toUpperCase()] : [],
  )
  const all = methods.includes('GET') ? [...methods, 'HEAD'] : methods
  return [...new Set(all)].sort()
}

function isMatch(template: string, path: string): boolean {
  const [wanted, given] = [template.split('/'), path.split('/')]
  return (
    wanted.length === given.length &&
    wanted.every((part, index) => (part.startsWith('{') ? given[index] !== '' : part === given[index]))
  )
}
