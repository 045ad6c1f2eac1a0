import { createDeps } from './deps.ts'
import { exchangeNames } from './exchanges/registry.ts'
import { createApp } from './routes/app.ts'

export { ExchangeLoader } from '../durable-objects/exchange-loader.ts'

const app = createApp()

export default {
  fetch: app.fetch,

  /** Each minute: wakes the loader of every exchange. They do the work, so this returns at once. */
  async scheduled(_controller, env) {
    const { loader } = createDeps(env)
    await Promise.allSettled(exchangeNames.map((exchange) => loader(exchange).poke(exchange)))
  },
} satisfies ExportedHandler<Env>
