import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin'
import type { ProvidedContext } from 'vitest'
import { defineConfig } from 'vitest/config'

const STORE_TESTS = ['test/store/**/*.test.ts']
const WORKER_TESTS = ['test/{routes,durable-objects}/**/*.test.ts']
const SIMULATED_TESTS = [
  'test/faults/**/*.test.ts',
  'test/durable-objects/{exchange-loader,feed-orders,loader-answers,quality-checks}.test.ts',
  'test/routes/open-candle.test.ts',
]
const LIVE_TESTS = ['test/live-faults/**/*.test.ts', 'test/durable-objects/exchange-feed.test.ts']

const TIMEOUTS = { testTimeout: 60_000, hookTimeout: 60_000 }
/** Files in a row share a process, and what it has loaded: to start one takes longer than most of them do. */
const SHARED = { isolate: false }
/** Vitest alone would leave a core free: half of what a machine of two has. */
const PARALLEL = { ...TIMEOUTS, maxWorkers: '100%' }
/** One module each: a worker under test fetches those that it imports one by one. */
const BUNDLED = {
  deps: {
    optimizer: {
      ssr: {
        enabled: true,
        include: ['zod', 'hono', '@hono/zod-openapi', 'drizzle-orm', 'drizzle-orm/d1', 'drizzle-orm/sqlite-core'],
      },
    },
  },
}

/** The settings of a worker under test, with simulated exchanges for the real ones. */
async function workerSettings(exchangeHosts: Record<string, Record<string, string>>, timeScale: string) {
  return {
    ENVIRONMENT: 'test',
    ADMIN_TOKEN: 'test-token',
    EXCHANGE_HOSTS: JSON.stringify(exchangeHosts),
    TIME_SCALE: timeScale,
    RATE_BUDGET_SHARE: '1',
    MIGRATIONS: await readD1Migrations('migrations'),
  }
}

/** Nothing listens there: what needs an exchange belongs to `simulated`. */
const NOWHERE = { spot: 'http://127.0.0.1:9', perpetual: 'http://127.0.0.1:9' }
const NO_EXCHANGES = { binance: NOWHERE, okx: NOWHERE, bybit: NOWHERE, coinbase: NOWHERE }

const wrangler = { configPath: 'wrangler.toml' }

function withoutExchanges() {
  return cloudflareTest(async () => ({
    wrangler,
    miniflare: {
      // An exchange's own database, where a test gives it one.
      d1Databases: { SECOND_DB: 'second' },
      bindings: await workerSettings(NO_EXCHANGES, `600@${Date.now()}`),
    },
  }))
}

type Simulations = ProvidedContext['simulations']

/** Called for each file of a project: it gets simulated exchanges of its own, so none meets the faults of another. */
function simulationsInTurn(): (simulations: Simulations) => Simulations[number] {
  let files = 0
  return (simulations) => {
    const simulation = simulations[files++ % simulations.length]
    if (simulation === undefined) throw new Error('no simulated exchanges')
    return simulation
  }
}

const [simulationOf, liveSimulationOf] = [simulationsInTurn(), simulationsInTurn()]

/**
 * `node`: pure modules, the simulated exchanges and ccxt. The others run inside workerd, on real D1 and Durable Objects.
 * `store`: what needs the database alone. `workers`: what needs no exchange. `simulated`: what loads from the simulated exchanges, and injects faults into them.
 * `live`: with streams that run, on a clock that is slower.
 */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    silent: 'passed-only',
    coverage: {
      provider: 'istanbul',
      include: ['src/**/*.ts', 'durable-objects/**/*.ts'],
      exclude: ['src/env.d.ts'],
      reporter: ['text-summary', 'json-summary', 'html'],
      thresholds: { lines: 95, branches: 90 },
    },
    projects: [
      {
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: [...STORE_TESTS, ...WORKER_TESTS, ...SIMULATED_TESTS, ...LIVE_TESTS],
          ...SHARED,
          ...PARALLEL,
        },
      },
      {
        plugins: [withoutExchanges()],
        test: {
          name: 'store',
          include: STORE_TESTS,
          setupFiles: ['test/setup/emptied.ts'],
          // Nothing in them goes on by itself, as objects do: one database, emptied, does for many.
          ...SHARED,
          ...BUNDLED,
          ...PARALLEL,
        },
      },
      {
        plugins: [withoutExchanges()],
        test: {
          name: 'workers',
          include: WORKER_TESTS,
          exclude: [...SIMULATED_TESTS, ...LIVE_TESTS],
          setupFiles: ['test/setup/migrations.ts'],
          ...BUNDLED,
          ...PARALLEL,
        },
      },
      {
        plugins: [
          cloudflareTest(async ({ inject }) => {
            const { exchangeHosts, timeScale } = simulationOf(inject('simulations'))
            return { wrangler, miniflare: { bindings: await workerSettings(exchangeHosts, timeScale) } }
          }),
        ],
        test: {
          name: 'simulated',
          include: SIMULATED_TESTS,
          globalSetup: ['test/setup/simulators.ts'],
          setupFiles: ['test/setup/migrations.ts'],
          ...BUNDLED,
          ...PARALLEL,
        },
      },
      {
        plugins: [
          cloudflareTest(async ({ inject }) => {
            const { exchangeHosts, streamHosts, timeScale } = liveSimulationOf(inject('simulations'))
            const settings = await workerSettings(exchangeHosts, timeScale)
            const live = { STREAM_HOSTS: JSON.stringify(streamHosts), FEED_CLIENTS: '1000' }
            return { wrangler, miniflare: { bindings: { ...settings, ...live } } }
          }),
        ],
        test: {
          name: 'live',
          include: LIVE_TESTS,
          globalSetup: ['test/setup/live-simulators.ts'],
          setupFiles: ['test/setup/migrations.ts'],
          ...BUNDLED,
          // They mostly wait: two at a time leave cores idle still.
          ...PARALLEL,
          // By themselves: their clock does not wait for a machine that other tests keep busy.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
