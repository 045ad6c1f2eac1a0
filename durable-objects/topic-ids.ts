const PREFIX = 'topic:'

/**
 * Numbers for topics, kept in an object's storage: of 200 topics with long names the attachment of a socket
 * (16 KB at most) has room for the numbers only.
 * https://developers.cloudflare.com/durable-objects/best-practices/websockets/#websocketserializeattachment
 */
export class TopicIds<T> {
  readonly #storage: DurableObjectStorage
  readonly #ids = new Map<string, number>()
  readonly #values = new Map<number, T>()
  #next = 1

  private constructor(storage: DurableObjectStorage) {
    this.#storage = storage
  }

  /** All that were ever given out. */
  static async load<T>(storage: DurableObjectStorage): Promise<TopicIds<T>> {
    const ids = new TopicIds<T>(storage)
    for (const [name, { key, value }] of await storage.list<{ key: string; value: T }>({ prefix: PREFIX })) {
      ids.#set(Number(name.slice(PREFIX.length)), key, value)
    }
    return ids
  }

  /** The number of a topic; a new one is stored with its value. */
  idOf(key: string, value: T): number {
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const id = this.#next
    this.#set(id, key, value)
    void this.#storage.put(PREFIX + id, { key, value })
    return id
  }

  find(key: string): number | undefined {
    return this.#ids.get(key)
  }

  valueOf(id: number): T | undefined {
    return this.#values.get(id)
  }

  #set(id: number, key: string, value: T): void {
    this.#ids.set(key, id)
    this.#values.set(id, value)
    this.#next = Math.max(this.#next, id + 1)
  }
}
