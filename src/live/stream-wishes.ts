export type Verb = 'subscribe' | 'unsubscribe'

/** Names that go into one request. */
export interface Wish {
  readonly verb: Verb
  readonly names: readonly string[]
}

/**
 * What is to be asked of the exchange over one socket, and has not been: one state a stream, so that however often it
 * changes while nothing may be sent, it costs no more than one message of each kind.
 */
export class StreamWishes {
  /** `renew`: to be unsubscribed, then subscribed. */
  readonly #pending = new Map<string, Verb | 'renew'>()
  /** Each to be subscribed in a request of its own. */
  #apart: string[][] = []

  subscribe(names: readonly string[]): void {
    for (const name of names) {
      if (this.#apart.some((group) => group.includes(name))) continue
      const known = this.#pending.get(name)
      this.#pending.set(name, known === 'unsubscribe' || known === 'renew' ? 'renew' : 'subscribe')
    }
  }

  /** As `subscribe`, not in one request with others. */
  subscribeApart(names: readonly string[]): void {
    this.#apart.push([...names])
  }

  unsubscribe(names: readonly string[]): void {
    for (const name of names) {
      const isApart = this.#apart.some((group) => group.includes(name))
      // What has not been subscribed yet is simply not asked for.
      if (isApart || this.#pending.get(name) === 'subscribe') this.#pending.delete(name)
      else this.#pending.set(name, 'unsubscribe')
      if (isApart) this.#apart = this.#apart.map((group) => group.filter((other) => other !== name))
    }
  }

  /** Takes out what the next request is about, at most so many names; `undefined` where nothing is wanted. */
  next(most: number): Wish | undefined {
    const ending = this.#named(most, (wish) => wish !== 'subscribe')
    if (ending.length > 0) {
      for (const name of ending) {
        if (this.#pending.get(name) === 'renew') this.#pending.set(name, 'subscribe')
        else this.#pending.delete(name)
      }
      return { verb: 'unsubscribe', names: ending }
    }
    this.#apart = this.#apart.filter((group) => group.length > 0)
    const names = this.#apart[0]?.splice(0, most) ?? this.#named(most, () => true)
    for (const name of names) this.#pending.delete(name)
    return names.length === 0 ? undefined : { verb: 'subscribe', names }
  }

  #named(most: number, isMeant: (wish: Verb | 'renew') => boolean): string[] {
    const names: string[] = []
    for (const [name, wish] of this.#pending) {
      if (names.length === most) break
      if (isMeant(wish)) names.push(name)
    }
    return names
  }
}
