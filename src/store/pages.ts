import type { Shard } from './sessions.ts'

/** Where a list goes on: after the row with this key in this database. */
export interface Position {
  readonly shard: number
  readonly key: readonly (string | number)[]
}

export interface Page<T> {
  readonly items: readonly T[]
  /** `null` after the last page. */
  readonly next: Position | null
}

/**
 * One page of a list over several databases, one after another.
 *
 * @param read at most `limit` rows of one database that come after `key`, in the list's order
 */
export async function readPage<T>(
  shards: readonly Shard[],
  limit: number,
  after: Position | undefined,
  read: (shard: Shard, key: Position['key'] | undefined, limit: number) => Promise<readonly T[]>,
  keyOf: (item: T) => Position['key'],
): Promise<Page<T>> {
  const found: { readonly shard: number; readonly item: T }[] = []
  for (const shard of shards) {
    if (after !== undefined && shard.index < after.shard) continue
    const key = shard.index === after?.shard ? after.key : undefined
    // One more than there is room for tells whether the list goes on.
    for (const item of await read(shard, key, limit + 1 - found.length)) found.push({ shard: shard.index, item })
    if (found.length > limit) break
  }
  const last = found.length > limit ? found[limit - 1] : undefined
  return {
    items: found.slice(0, limit).map(({ item }) => item),
    next: last === undefined ? null : { shard: last.shard, key: keyOf(last.item) },
  }
}
