/** Words of 32 bits that stand for an id. */
const WORDS = 4
/** Ids that there is room for at first; twice as many each time that it does not do. */
const FIRST_ROOM = 64
/** Ends a chain: no index is that high. */
const NONE = 0xffff

/**
 * The newest ids of one instrument, and when they were heard. An id is kept as 128 bits of a hash, in arrays of numbers:
 * 30 bytes where its text in a set takes 110. That one of 5,000 ids is taken for another is less likely than that two
 * random UUIDs are the same.
 */
export class KnownIds {
  readonly #most: number
  /** A ring each, by the same index. */
  #words = new Uint32Array(WORDS * FIRST_ROOM)
  #times = new Float64Array(FIRST_ROOM)
  /** The newest of those whose first word ends with the same bits, and for each the one before it. */
  #heads = new Uint16Array(FIRST_ROOM).fill(NONE)
  #nexts = new Uint16Array(FIRST_ROOM)
  #length = 0
  #oldest = 0
  /** The words of `#hashed`: it is asked for an id, then given it. */
  readonly #hash = new Uint32Array(WORDS)
  #hashed: string | null = null

  /** @param most ids that are kept, fewer than 65,535 */
  constructor(most: number) {
    this.#most = most
  }

  has(id: string): boolean {
    this.#read(id)
    for (let at = this.#heads[this.#bucket(this.#hash[0])] ?? NONE; at !== NONE; at = this.#nexts[at] ?? NONE) {
      if (this.#isAt(at)) return true
    }
    return false
  }

  /**
   * Keeps an id that it does not have.
   * @returns the time of the oldest, where that is let go for it; else `null`
   */
  add(id: string, time: number): number | null {
    const isFull = this.#length === this.#most
    if (!isFull && this.#length === this.#times.length) this.#grow()
    const at = isFull ? this.#oldest : this.#length
    const forgotten = isFull ? (this.#times[at] ?? null) : null
    if (isFull) {
      this.#unlink(at)
      this.#oldest = (at + 1) % this.#most
    } else this.#length++
    this.#read(id)
    this.#words.set(this.#hash, WORDS * at)
    this.#times[at] = time
    this.#link(at)
    return forgotten
  }

  #read(id: string): void {
    if (id === this.#hashed) return
    hashInto(id, this.#hash)
    this.#hashed = id
  }

  #isAt(at: number): boolean {
    for (let word = 0; word < WORDS; word++) if (this.#words[WORDS * at + word] !== this.#hash[word]) return false
    return true
  }

  /** The number of heads is a power of two. */
  #bucket(word: number | undefined): number {
    return (word ?? 0) & (this.#heads.length - 1)
  }

  #link(at: number): void {
    const bucket = this.#bucket(this.#words[WORDS * at])
    this.#nexts[at] = this.#heads[bucket] ?? NONE
    this.#heads[bucket] = at
  }

  #unlink(at: number): void {
    const bucket = this.#bucket(this.#words[WORDS * at])
    const next = this.#nexts[at] ?? NONE
    let previous = this.#heads[bucket] ?? NONE
    if (previous === at) {
      this.#heads[bucket] = next
      return
    }
    while (previous !== NONE && this.#nexts[previous] !== at) previous = this.#nexts[previous] ?? NONE
    if (previous !== NONE) this.#nexts[previous] = next
  }

  #grow(): void {
    const room = Math.min(this.#most, 2 * this.#times.length)
    const [words, times] = [new Uint32Array(WORDS * room), new Float64Array(room)]
    words.set(this.#words)
    times.set(this.#times)
    this.#words = words
    this.#times = times
    this.#nexts = new Uint16Array(room)
    this.#heads = new Uint16Array(2 * this.#heads.length).fill(NONE)
    for (let at = 0; at < this.#length; at++) this.#link(at)
  }
}

/** cyrb128, in the public domain: https://github.com/bryc/code/blob/master/jshash/PRNGs.md#addendum-a-seed-generating-functions */
function hashInto(text: string, words: Uint32Array): void {
  let a = 1_779_033_703
  let b = 3_144_134_277
  let c = 1_013_904_242
  let d = 2_773_480_762
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = b ^ Math.imul(a ^ code, 597_399_067)
    b = c ^ Math.imul(b ^ code, 2_869_860_233)
    c = d ^ Math.imul(c ^ code, 951_274_213)
    d = a ^ Math.imul(d ^ code, 2_716_044_179)
  }
  a = Math.imul(c ^ (a >>> 18), 597_399_067)
  b = Math.imul(d ^ (b >>> 22), 2_869_860_233)
  c = Math.imul(a ^ (c >>> 17), 951_274_213)
  d = Math.imul(b ^ (d >>> 19), 2_716_044_179)
  words[0] = a ^ b ^ c ^ d
  words[1] = b
  words[2] = c
  words[3] = d
}
