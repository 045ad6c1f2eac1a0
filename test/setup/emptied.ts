import { applyD1Migrations, reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'

// An earlier file has used the same database.
await reset()
await applyD1Migrations(env.DB, env.MIGRATIONS)
