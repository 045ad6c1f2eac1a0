/** Makes a workerd that has run another file as good as new: its modules, and all that is stored or cached. */

import { applyD1Migrations, reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { vi } from 'vitest'

/** On a busy machine `reset` now and then leaves a database as it was; a second one has always cleared it. */
const MOST_RESETS = 10

async function isCleared(): Promise<boolean> {
  return (await env.DB.prepare("SELECT 1 FROM sqlite_master WHERE name = 'instruments'").first()) === null
}

vi.resetModules()
let resets = 0
do {
  if (resets++ === MOST_RESETS) throw new Error('the database of another file is still there')
  await reset()
} while (!(await isCleared()))
await applyD1Migrations(env.DB, env.MIGRATIONS)
