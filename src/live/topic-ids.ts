/** Short numbers for the keys of topics: those of 200 subscriptions fit into what is kept with a socket, keys may not. */
export class TopicIds {
  readonly #ids = new Map<string, number>()
  readonly #keys = new Map<number, string>()
  #next = 1

  /** @param known as they were stored */
  constructor(known: Iterable<readonly [id: number, key: string]> = []) {
    for (const [id, key] of known) this.#set(id, key)
  }

  /** @param store keeps a number that is given for the first time */
  idOf(key: string, store: (id: number, key: string) => void): number {
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const id = this.#next
    this.#set(id, key)
    store(id, key)
    return id
  }

  keyOf(id: number): string | undefined {
    return this.#keys.get(id)
  }

  #set(id: number, key: string): void {
    this.#ids.set(key, id)
    this.#keys.set(id, key)
    this.#next = Math.max(this.#next, id + 1)
  }
}
