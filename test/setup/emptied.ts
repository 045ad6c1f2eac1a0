import { applyD1Migrations, reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'

/** Something of each kind that tests store. */
const ANYTHING = 'SELECT 1 FROM instruments UNION ALL SELECT 1 FROM exchanges UNION ALL SELECT 1 FROM leases'

// An earlier file has used the same database, and may have left it while that was busy: then it takes another try.
do {
  await reset()
  await applyD1Migrations(env.DB, env.MIGRATIONS)
} while ((await env.DB.prepare(ANYTHING).first()) !== null)
