import { invalidField } from '../domain/errors.ts'
import type { Stores } from './stores.ts'

/** What reading needs of a database. */
export type Reader = Pick<D1DatabaseSession, 'prepare' | 'batch'>

/** One database with the exchanges whose data it holds. */
export interface Shard {
  readonly index: number
  readonly reader: Reader
  readonly exchanges: readonly string[]
}

/**
 * The databases as one request sees them: any replica may answer, but never one older than the bookmark that the
 * caller was given after a write.
 * https://developers.cloudflare.com/d1/best-practices/read-replication/
 */
export interface Sessions {
  forExchange(exchange: string): Reader
  readonly main: Reader
  /** Each database that holds data of one of `exchanges`, in a fixed order. */
  shards(exchanges: readonly string[]): readonly Shard[]
}

const BOOKMARK = /^[0-9a-f-]{1,200}$/

/**
 * @param bookmark as {@link formatBookmark} made it; `undefined` for none
 * @throws AppError `invalid_request`
 */
export function openSessions(stores: Stores, bookmark: string | undefined): Sessions {
  const bookmarks = bookmark?.split(',') ?? []
  if (bookmarks.length > stores.all.length || bookmarks.some((text) => text !== '' && !BOOKMARK.test(text))) {
    throw invalidField('X-Bookmark', 'is not a bookmark that this API gave out')
  }
  const open = new Map<D1Database, D1DatabaseSession>()
  const sessionOf = (db: D1Database) => {
    const session = open.get(db) ?? db.withSession(bookmarks[stores.all.indexOf(db)] || 'first-unconstrained')
    open.set(db, session)
    return session
  }
  return {
    forExchange: (exchange) => sessionOf(stores.storeFor(exchange)),
    main: sessionOf(stores.main),
    shards: (exchanges) =>
      stores.all
        .map((db, index) => ({
          index,
          reader: sessionOf(db),
          exchanges: exchanges.filter((exchange) => stores.storeFor(exchange) === db),
        }))
        .filter((shard) => shard.exchanges.length > 0),
  }
}

/** One text for the bookmarks of the databases that were written to. */
export function formatBookmark(stores: Stores, written: ReadonlyMap<D1Database, D1DatabaseSession>): string {
  return stores.all.map((db) => written.get(db)?.getBookmark() ?? '').join(',')
}
