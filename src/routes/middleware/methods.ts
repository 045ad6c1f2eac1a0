import type { RouterRoute } from 'hono/types'

/** Middleware stands among the routes under this method. */
const ANY = 'ALL'

/** The methods that a path understands; none for an unknown path. */
export function allowedMethods(routes: readonly RouterRoute[], path: string): readonly string[] {
  const methods = routes
    .filter((route) => route.method !== ANY && isMatch(route.path, path))
    .map(({ method }) => method)
  const all = methods.includes('GET') ? [...methods, 'HEAD'] : methods
  return [...new Set(all)].sort()
}

function isMatch(template: string, path: string): boolean {
  const [wanted, given] = [template.split('/'), path.split('/')]
  return (
    wanted.length === given.length &&
    wanted.every((part, index) => (part.startsWith(':') ? given[index] !== '' : part === given[index]))
  )
}
