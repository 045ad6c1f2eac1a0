import type { D1Migration } from '@cloudflare/vitest-plugin'

declare module 'vitest' {
  interface ProvidedContext {
    /** Simulated exchanges for each file, and their clock: as the settings are. */
    simulations: {
      exchangeHosts: Record<string, Record<string, string>>
      streamHosts: Record<string, Record<string, string>>
      timeScale: string
    }[]
  }
}

declare global {
  namespace Cloudflare {
    interface Env {
      MIGRATIONS: D1Migration[]
      SECOND_DB: D1Database
    }
  }
}
