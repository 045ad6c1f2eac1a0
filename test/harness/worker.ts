/** Runs the worker as it would be deployed (wrangler's own bundle, real workerd, D1 and Durable Objects), on this machine. */

import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { readD1Migrations } from '@cloudflare/vitest-plugin'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare'
import { unstable_getMiniflareWorkerOptions } from 'wrangler'
import { z } from 'zod'

const ROOT = fileURLToPath(new URL('../..', import.meta.url).href)

/** `[vars]` of `wrangler.toml`. */
const settings = z.record(z.string(), z.string())

export const ADMIN_TOKEN = 'local-admin'

export interface RunningWorker {
  readonly url: URL
  /** Runs the scheduled handler, as a Cron Trigger does. */
  fireCron(): Promise<void>
  readonly db: Awaited<ReturnType<Miniflare['getD1Database']>>
  /** Where its inspector is, if it was started with one: https://chromedevtools.github.io/devtools-protocol/. */
  inspectorUrl(): Promise<URL>
  stop(): Promise<void>
}

export interface WorkerOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number
  /** Settings that differ from `wrangler.toml`. */
  readonly vars: Readonly<Record<string, string>>
  /** Gets what the worker logs; without it, that goes to the console. */
  readonly onLog?: (message: string) => void
  readonly inspect?: boolean
}

/** Bundles the worker, applies the migrations to a fresh database and serves it. */
export async function startWorker({ port = 0, vars, onLog, inspect }: WorkerOptions): Promise<RunningWorker> {
  const outdir = await makeOutdir()
  await bundle(join(ROOT, 'wrangler.toml'), outdir)
  // The rules say how to find modules among sources; the bundle is one file.
  const { modulesRules: _, ...workerOptions } = unstable_getMiniflareWorkerOptions(
    join(ROOT, 'wrangler.toml'),
  ).workerOptions
  const bindings = { ...settings.parse(workerOptions.bindings), ENVIRONMENT: 'local', ADMIN_TOKEN, ...vars }
  const logs = onLog && { handleStructuredLogs: ({ message }: { readonly message: string }) => onLog(message) }
  const inspector = inspect && { inspectorPort: 0 }
  return serve(outdir, 'index.js', port, { ...workerOptions, bindings, ...logs, ...inspector })
}

/**
 * Serves a worker of one file, with nothing but an empty database of the same schema as `DB`, on the same runtime.
 *
 * @param main path of its module
 * @param durableObjects the classes of its objects, by the names of their bindings
 */
export async function startBareWorker(
  main: string,
  durableObjects: Readonly<Record<string, string>> = {},
): Promise<RunningWorker> {
  const { compatibilityDate = '' } = unstable_getMiniflareWorkerOptions(join(ROOT, 'wrangler.toml')).workerOptions
  const outdir = await makeOutdir()
  const config = join(outdir, 'wrangler.json')
  await writeFile(config, JSON.stringify({ name: 'bare', main, compatibility_date: compatibilityDate }))
  await bundle(config, outdir)
  const bindings = { d1Databases: { DB: 'bare' }, durableObjects }
  return serve(outdir, `${basename(main, '.ts')}.js`, 0, { compatibilityDate, ...bindings })
}

async function serve(outdir: string, scriptPath: string, port: number, workerOptions: object): Promise<RunningWorker> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...workerOptions,
      modules: true,
      rootPath: outdir,
      scriptPath,
      host: '127.0.0.1',
      port,
      log: new Log(LogLevel.ERROR),
    }),
  )
  const url = await miniflare.ready
  const db = await miniflare.getD1Database('DB')
  for (const { queries } of await readD1Migrations(join(ROOT, 'migrations'))) {
    await db.batch(queries.map((query) => db.prepare(query)))
  }
  const worker = await miniflare.getWorker()
  return {
    url,
    db,
    inspectorUrl: () => miniflare.getInspectorURL(),
    fireCron: async () => {
      await worker.scheduled({ cron: '* * * * *' })
    },
    stop: async () => {
      await miniflare.dispose()
      await rm(outdir, { recursive: true, force: true })
    },
  }
}

function makeOutdir(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'zvt-crypto-'))
}

async function bundle(config: string, outdir: string): Promise<void> {
  const wrangler = join(ROOT, 'node_modules', 'wrangler', 'bin', 'wrangler.js')
  const args = [wrangler, 'deploy', '--dry-run', '--config', config, '--outdir', outdir]
  await promisify(execFile)(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, CI: 'true', WRANGLER_SEND_METRICS: 'false' },
  })
}
