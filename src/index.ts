import { createDeps } from './deps.ts'
import { exchangeNames } from './exchanges/registry.ts'
import { createApp } from './routes/app.ts'

export { ExchangeFeed } from '../durable-objects/exchange-feed.ts'
export { ExchangeLoader } from '../durable-objects/exchange-loader.ts'
export { StreamRelay } from '../durable-objects/stream-relay.ts'

const app = createApp()

export default {
  fetch: app.fetch,

  /** Each minute: wakes the loader and the feed of every exchange. They do the work, so this returns at once. */
  async scheduled(_controller, env) {
    const { config, feed, loader } = createDeps(env)
    const woken = config.streams ? [loader, feed] : [loader]
    await Promise.allSettled(
      woken.flatMap((object) => exchangeNames.map((exchange) => object(exchange).poke(exchange))),
    )
  },
} satisfies ExportedHandler<Env>
