/** Runs the worker as it would be deployed (wrangler's own bundle, real workerd, D1 and Durable Objects), on this machine. */

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { readD1Migrations } from '@cloudflare/vitest-plugin'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare'
import { unstable_getMiniflareWorkerOptions } from 'wrangler'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export const ADMIN_TOKEN = 'local-admin'

export interface RunningWorker {
  readonly url: URL
  /** Runs the scheduled handler, as a Cron Trigger does. */
  fireCron(): Promise<void>
  readonly db: Awaited<ReturnType<Miniflare['getD1Database']>>
  stop(): Promise<void>
}

export interface WorkerOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number
  /** Settings that differ from `wrangler.toml`. */
  readonly vars: Readonly<Record<string, string>>
}

/** Bundles the worker, applies the migrations to a fresh database and serves it. */
export async function startWorker({ port = 0, vars }: WorkerOptions): Promise<RunningWorker> {
  const outdir = await mkdtemp(join(tmpdir(), 'zvt-crypto-'))
  await bundle(outdir)
  // The rules say how to find modules among sources; the bundle is one file.
  const { modulesRules: _, ...workerOptions } = unstable_getMiniflareWorkerOptions(
    join(ROOT, 'wrangler.toml'),
  ).workerOptions
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...workerOptions,
      modules: true,
      rootPath: outdir,
      scriptPath: 'index.js',
      bindings: { ...workerOptions.bindings, ENVIRONMENT: 'local', ADMIN_TOKEN, ...vars },
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
    fireCron: async () => {
      await worker.scheduled({ cron: '* * * * *' })
    },
    stop: async () => {
      await miniflare.dispose()
      await rm(outdir, { recursive: true, force: true })
    },
  }
}

async function bundle(outdir: string): Promise<void> {
  const wrangler = join(ROOT, 'node_modules', 'wrangler', 'bin', 'wrangler.js')
  await promisify(execFile)(process.execPath, [wrangler, 'deploy', '--dry-run', '--outdir', outdir], {
    cwd: ROOT,
    env: { ...process.env, CI: 'true', WRANGLER_SEND_METRICS: 'false' },
  })
}
