import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

const WORKER_TESTS = ['test/{store,routes,durable-objects,faults}/**/*.test.ts']
const LIVE_TESTS = ['test/live-faults/**/*.test.ts', 'test/durable-objects/exchange-feed.test.ts']

/**
 * `node`: pure modules, the simulated exchanges and ccxt. `workers`: inside workerd, on real D1 and Durable Objects.
 * `live`: the same with streams that run, on a clock that is slower.
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
          exclude: [...WORKER_TESTS, ...LIVE_TESTS],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        plugins: [
          cloudflareTest(async ({ inject }) => ({
            wrangler: { configPath: 'wrangler.toml' },
            miniflare: {
              // An exchange's own database, where a test gives it one.
              d1Databases: { SECOND_DB: 'second' },
              bindings: {
                ENVIRONMENT: 'test',
                ADMIN_TOKEN: 'test-token',
                EXCHANGE_HOSTS: JSON.stringify(inject('exchangeHosts')),
                TIME_SCALE: inject('timeScale'),
                RATE_BUDGET_SHARE: '1',
                MIGRATIONS: await readD1Migrations('migrations'),
              },
            },
          })),
        ],
        test: {
          name: 'workers',
          include: WORKER_TESTS,
          exclude: LIVE_TESTS,
          globalSetup: ['test/setup/simulators.ts'],
          setupFiles: ['test/setup/migrations.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // The files share the simulated exchanges and inject faults into them: one after another.
          fileParallelism: false,
        },
      },
      {
        plugins: [
          cloudflareTest(async ({ inject }) => ({
            wrangler: { configPath: 'wrangler.toml' },
            miniflare: {
              bindings: {
                ENVIRONMENT: 'test',
                ADMIN_TOKEN: 'test-token',
                EXCHANGE_HOSTS: JSON.stringify(inject('exchangeHosts')),
                STREAM_HOSTS: JSON.stringify(inject('streamHosts')),
                TIME_SCALE: inject('timeScale'),
                RATE_BUDGET_SHARE: '1',
                FEED_CLIENTS: '1000',
                MIGRATIONS: await readD1Migrations('migrations'),
              },
            },
          })),
        ],
        test: {
          name: 'live',
          include: LIVE_TESTS,
          globalSetup: ['test/setup/live-simulators.ts'],
          setupFiles: ['test/setup/migrations.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          // By themselves: their clock does not wait for a machine that other tests keep busy.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
