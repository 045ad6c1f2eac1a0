import type { D1Migration } from '@cloudflare/vitest-plugin'

declare module 'vitest' {
  interface ProvidedContext {
    /** As the setting `EXCHANGE_HOSTS`: the simulated exchanges. */
    exchangeHosts: Record<string, Record<string, string>>
    /** As the setting `STREAM_HOSTS`; only for tests of live data. */
    streamHosts: Record<string, Record<string, string>>
    /** As the setting `TIME_SCALE`. */
    timeScale: string
    /** Only for the project `simulated`: simulated exchanges for each file, and their clock. */
    simulations: { exchangeHosts: Record<string, Record<string, string>>; timeScale: string }[]
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
