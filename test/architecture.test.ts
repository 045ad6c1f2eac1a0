import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { exchangeNames } from '../src/exchanges/registry.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url).href)

/** What each layer may import, itself included: one direction. A layer is a folder, or a file right under `src`. */
const IMPORTS: Readonly<Record<string, readonly string[]>> = {
  domain: ['domain', 'zod'],
  exchanges: ['domain', 'exchanges', 'zod'],
  history: ['domain', 'exchanges', 'history'],
  live: ['domain', 'exchanges', 'live'],
  store: ['domain', 'store', 'drizzle-orm'],
  deps: ['domain', 'exchanges', 'history', 'live', 'store'],
  routes: ['domain', 'exchanges', 'history', 'live', 'store', 'deps', 'routes', 'zod', 'hono', '@hono/zod-openapi'],
  'durable-objects': [
    ...['domain', 'exchanges', 'history', 'live', 'store', 'deps', 'durable-objects'],
    'cloudflare:workers',
  ],
  index: ['deps', 'exchanges', 'routes', 'durable-objects'],
  // Runs under Node, on text from outside.
  cli: ['domain', 'exchanges', 'cli', 'zod', 'node:'],
}
/** Elsewhere time and chance are arguments. */
const MAY_READ_CLOCK = /^(src\/deps\.ts|src\/routes\/app\.ts|durable-objects\/.*)$/
const CLOCK = /\bDate\.now\b|\bMath\.random\b|\bperformance\.now\b|\bnew Date\(\)/g

const sources = ['src', 'durable-objects'].flatMap(filesUnder).filter((path) => /(?<!\.d)\.ts$/.test(path))

test('imports go one way', () => {
  const stray = sources.flatMap((path) =>
    importsOf(path)
      .filter((imported) => !(IMPORTS[layerOf(path)] ?? []).includes(targetOf(path, imported)))
      .map((imported) => `${path} imports ${imported}`),
  )
  expect(sources.length).toBeGreaterThan(50)
  expect(stray).toEqual([])
})

test('an exchange imports no other exchange', () => {
  const stray = sources.flatMap((path) =>
    importsOf(path)
      .filter((imported) => isAnotherExchange(path, imported))
      .map((imported) => `${path} imports ${imported}`),
  )
  expect(stray).toEqual([])
})

test('time and chance are arguments', () => {
  const readers = sources.filter((path) => !MAY_READ_CLOCK.test(path) && withoutComments(read(path)).match(CLOCK))
  expect(readers).toEqual([])
})

test('the top level holds what it should and nothing else', () => {
  const ignored = read('.gitignore')
    .split('\n')
    .map((line) => line.replace(/\/$/, ''))
  const present = readdirSync(ROOT).filter((name) => !name.startsWith('.') && !ignored.includes(name))
  const files = ['LICENSE', 'README.md', 'biome.json', 'package-lock.json', 'package.json', 'tsconfig.json']
  const expected = [...files, 'wrangler.toml', 'durable-objects', 'migrations', 'src', 'test']
  expect(present.sort()).toEqual(expected.sort())
})

test('nothing is tied to the machine that it was written on', () => {
  const machine = new RegExp(`(?<![\\w.])/${'work'}/|/${'tmp'}/[a-z]`, 'i')
  const texts = ['src', 'durable-objects', 'migrations', 'test', '.ci'].flatMap(filesUnder)
  const tied = [...texts, 'README.md', 'package.json', 'wrangler.toml'].filter((path) => machine.test(read(path)))
  expect(tied).toEqual([])
  // Addresses of downloads would tie every install to one registry.
  expect(read('package-lock.json')).not.toMatch(/"resolved"|https?:\/\/[^"]*registry/)
})

function filesUnder(folder: string): string[] {
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => normalize(join(entry.parentPath, entry.name)).slice(ROOT.length))
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** `routes` for `src/routes/candles/query.ts`, `deps` for `src/deps.ts`. */
function layerOf(path: string): string {
  const [first = '', second = ''] = path.split('/')
  return first === 'src' ? basename(second, extname(second)) : first
}

/** What a file imports, as written. `import('…').Name` in a type imports nothing: deps names the object's type so. */
function importsOf(path: string): string[] {
  const code = withoutComments(read(path))
  const text = path === 'src/deps.ts' ? code.replace(/\bimport\('[^']+'\)\.[A-Z]\w*/g, '') : code
  return [...text.matchAll(/\b(?:from\s+|import\s*\(?\s*)['"]([^'"]+)['"]/g)].map(([, imported = '']) => imported)
}

/** The layer of a file, or the name of a package. */
function targetOf(path: string, imported: string): string {
  if (imported.startsWith('.')) return layerOf(normalize(join(dirname(path), imported)))
  if (imported.startsWith('node:')) return 'node:'
  return /^(@[^/]+\/)?[^/]+/.exec(imported)?.[0] ?? imported
}

function isAnotherExchange(path: string, imported: string): boolean {
  const own = exchangeOf(path)
  const other = exchangeOf(normalize(join(dirname(path), imported)))
  return own !== undefined && other !== undefined && own !== other
}

/** The exchange that a file is about: `okx` for `src/exchanges/okx.ts` and `src/exchanges/okx-decode.ts`. */
function exchangeOf(path: string): string | undefined {
  if (!path.startsWith('src/exchanges/')) return undefined
  return exchangeNames.find((exchange) => new RegExp(`^${exchange}(-\\w+)*\\.ts$`).test(basename(path)))
}

function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}
