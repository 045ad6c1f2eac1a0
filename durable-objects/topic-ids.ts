const PREFIX = 'topic:'
/** https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/#delete: so many keys a call. */
const MOST_KEYS = 128

interface Entry<T> {
  readonly key: string
  readonly value: T
}

/**
 * Numbers for topics, kept in an object's storage: of 200 topics with long names the attachment of a socket
 * (16 KB at most) has room for the numbers only.
 * https://developers.cloudflare.com/durable-objects/best-practices/websockets/#websocketserializeattachment
 */
export class TopicIds<T> {
  readonly #storage: DurableObjectStorage
  readonly #ids = new Map<string, number>()
  readonly #entries = new Map<number, Entry<T>>()
  #next = 1

  private constructor(storage: DurableObjectStorage) {
    this.#storage = storage
  }

  /** All that were given out and are still kept. */
  static async load<T>(storage: DurableObjectStorage): Promise<TopicIds<T>> {
    const ids = new TopicIds<T>(storage)
    for (const [name, entry] of await storage.list<Entry<T>>({ prefix: PREFIX })) {
      ids.#set(Number(name.slice(PREFIX.length)), entry)
    }
    return ids
  }

  /** The number of a topic; its value is stored where it is new or has changed. */
  idOf(key: string, value: T): number {
    const known = this.#ids.get(key)
    if (known !== undefined && JSON.stringify(this.valueOf(known)) === JSON.stringify(value)) return known
    const id = known ?? this.#next
    this.#set(id, { key, value })
    void this.#storage.put(PREFIX + id, { key, value })
    return id
  }

  valueOf(id: number): T | undefined {
    return this.#entries.get(id)?.value
  }

  /** Forgets all others. */
  retain(used: ReadonlySet<number>): void {
    const names: string[] = []
    for (const [id, { key }] of this.#entries) {
      if (used.has(id)) continue
      this.#entries.delete(id)
      this.#ids.delete(key)
      names.push(PREFIX + id)
    }
    for (let at = 0; at < names.length; at += MOST_KEYS) void this.#storage.delete(names.slice(at, at + MOST_KEYS))
  }

  #set(id: number, entry: Entry<T>): void {
    this.#ids.set(entry.key, id)
    this.#entries.set(id, entry)
    this.#next = Math.max(this.#next, id + 1)
  }
}
