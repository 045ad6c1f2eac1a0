/**
 * Where each exchange's data lives: in `DB`, or in a database of its own where a binding `DB_<EXCHANGE>` is present.
 * All of them have the same tables.
 */
export interface Stores {
  /** Holds the backfills, and every exchange without a database of its own. */
  readonly main: D1Database
  storeFor(exchange: string): D1Database
  /** Each database once, `main` first: lists merge them in this order. */
  readonly all: readonly D1Database[]
}

const PREFIX = 'DB_'

/** Finds the databases among the bindings: `DB_OKX` is that of `okx`. */
export function storesOf(env: { readonly DB: D1Database }): Stores {
  const own = new Map<string, D1Database>()
  for (const [name, binding] of Object.entries(env)) {
    if (name.startsWith(PREFIX) && isDatabase(binding)) own.set(name.slice(PREFIX.length).toLowerCase(), binding)
  }
  return {
    main: env.DB,
    storeFor: (exchange) => own.get(exchange) ?? env.DB,
    all: [env.DB, ...own.values()],
  }
}

function isDatabase(binding: unknown): binding is D1Database {
  return typeof binding === 'object' && binding !== null && 'prepare' in binding && 'batch' in binding
}
