import type { AppContext } from './context.ts'

/** Wakes the loaders of some exchanges after the answer has gone out. One that cannot be woken is woken by the cron. */
export function pokeLoaders(c: AppContext, exchanges: Iterable<string>): void {
  const { loader } = c.var.deps
  const pokes = [...new Set(exchanges)].map((exchange) => loader(exchange).poke(exchange))
  c.executionCtx.waitUntil(Promise.allSettled(pokes))
}
