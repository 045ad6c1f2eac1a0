import type { Decimal } from '../domain/decimal.ts'
import type { BookLevel } from '../domain/order-book.ts'

/** The characters of JSON and of its numbers, by their codes: one comparison for each character of all that comes in. */
const [QUOTE, COMMA, MINUS, POINT, ZERO, NINE, OPEN, BACKSLASH, CLOSE] = [34, 44, 45, 46, 48, 57, 91, 92, 93]
/** Those below must be escaped in JSON. */
const SPACE = 32

/** Integers of so many digits are exact in a double. */
const MAX_DIGITS = 15

/**
 * V8 keeps a slice of 13 characters or more as a view of the text that it is from: a level in a book would hold its
 * whole frame in memory. https://github.com/v8/v8/blob/main/src/objects/string.h
 */
const MAX_AMOUNT_LENGTH = 12

/**
 * Reads a frame straight from its text, for books: they are most of what is sent, and `JSON.parse` takes longer over
 * their rows than all that comes after. It knows but the one layout in which an exchange writes such frames, piece after
 * piece from the beginning. Whatever else it meets, it is no longer `isSound`, reads nothing sensible from there on, and
 * the frame is left to `decodeFrame`: this is never the judge of what is valid, and what it reads is what `JSON.parse`
 * and the checks of `decode-frame.ts` would give.
 */
export class FrameScanner {
  readonly #text: string
  #at = 0
  #isSound = true

  constructor(text: string) {
    this.#text = text
  }

  /** Whether all was there that has been asked for. */
  get isSound(): boolean {
    return this.#isSound
  }

  /** As {@link isSound}, and nothing is left. */
  get isDone(): boolean {
    return this.#isSound && this.#at === this.#text.length
  }

  /** Steps over these characters where they come next. */
  has(literal: string): boolean {
    if (!this.#text.startsWith(literal, this.#at)) return false
    this.#at += literal.length
    return true
  }

  /** Steps over these characters, which must come next. */
  skip(literal: string): void {
    if (!this.has(literal)) this.#isSound = false
  }

  /** What stands before the next quote, which is stepped over: not empty, and without escapes. */
  text(): string {
    const start = this.#at
    this.#skipText()
    if (this.#at - start < 2) this.#isSound = false
    return this.#text.slice(start, this.#at - 1)
  }

  /** A JSON integer that is not negative. */
  counter(): number {
    const text = this.#text
    const start = this.#at
    let value = 0
    let code = text.charCodeAt(start)
    while (code >= ZERO && code <= NINE) {
      value = value * 10 + code - ZERO
      code = text.charCodeAt(++this.#at)
    }
    const length = this.#at - start
    const isPadded = length > 1 && text.charCodeAt(start) === ZERO
    if (length === 0 || length > MAX_DIGITS || isPadded) this.#isSound = false
    return value
  }

  /** A JSON integer that nobody looks at. */
  skipInteger(): void {
    if (this.#text.charCodeAt(this.#at) === MINUS) this.#at++
    this.counter()
  }

  /** As `needLevels`: `[["8476.98","415","0","13"],…]`, every column a text. */
  levels(): BookLevel[] {
    const levels: BookLevel[] = []
    this.#expect(OPEN)
    if (this.#text.charCodeAt(this.#at) !== CLOSE) {
      do {
        this.#expect(OPEN)
        levels.push(this.restOfLevel())
      } while (this.#next(COMMA) && this.#isSound)
    }
    this.#expect(CLOSE)
    return levels
  }

  /** A level from its price on: `"8476.98","415","0","13"]`. */
  restOfLevel(): BookLevel {
    const price = this.#amount()
    this.#expect(COMMA)
    const size = this.#amount()
    while (this.#next(COMMA) && this.#isSound) {
      this.#expect(QUOTE)
      this.#skipText()
    }
    this.#expect(CLOSE)
    return { price, size }
  }

  /** As `needAmount`, of a text in the plain form that `parseDecimal` has a quick way for: `"0.01634790"`. */
  #amount(): Decimal {
    const text = this.#text
    this.#expect(QUOTE)
    const start = this.#at
    let at = start
    let code = text.charCodeAt(at)
    while (code >= ZERO && code <= NINE) code = text.charCodeAt(++at)
    const point = at
    let end = at
    if (code === POINT) {
      code = text.charCodeAt(++at)
      while (code >= ZERO && code <= NINE) {
        at++
        if (code !== ZERO) end = at
        code = text.charCodeAt(at)
      }
    }
    this.#at = at
    this.#expect(QUOTE)
    const isPadded = point - start > 1 && text.charCodeAt(start) === ZERO
    if (point === start || isPadded || end - start > MAX_AMOUNT_LENGTH) this.#isSound = false
    return text.slice(start, end) as Decimal
  }

  #skipText(): void {
    const text = this.#text
    let code = text.charCodeAt(this.#at)
    while (code !== QUOTE && code !== BACKSLASH && code >= SPACE) code = text.charCodeAt(++this.#at)
    this.#expect(QUOTE)
  }

  #expect(code: number): void {
    if (!this.#next(code)) this.#isSound = false
  }

  #next(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false
    this.#at++
    return true
  }
}
