/** A map of bounded size that forgets what has not been read for longest. */
export class LruCache<Value> {
  readonly #limit: number
  readonly #entries = new Map<number, Value>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** The cached value, or the one that `create` makes. */
  take(key: number, create: () => Value): Value {
    const known = this.#entries.get(key)
    if (known !== undefined) {
      this.#entries.delete(key)
      this.#entries.set(key, known)
      return known
    }
    const value = create()
    if (this.#entries.size >= this.#limit) {
      const oldest = this.#entries.keys().next()
      if (!oldest.done) this.#entries.delete(oldest.value)
    }
    this.#entries.set(key, value)
    return value
  }

  clear(): void {
    this.#entries.clear()
  }
}
