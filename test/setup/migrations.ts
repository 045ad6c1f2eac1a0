import { applyD1Migrations, reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'

// An earlier file may have run in the same process.
await reset()
await applyD1Migrations(env.DB, env.MIGRATIONS)
