import { exceedsSnapshot, isBookSnapshot, mergeBook } from './book-merge.ts'
import { isState, prevSeqOfMessage, seqOfMessage, typeOfMessage, withPrevSeq } from './messages.ts'

/**
 * How messages may stand for each other: `latest` replaces the one before it, `book` updates merge per price, what is
 * `fixed` comes as it is (trades, liquidations, closed candles, notices, answers).
 */
type Merging = 'latest' | 'book' | 'fixed'

interface Entry {
  readonly key: string | null
  readonly merging: Merging
  /** `prevSeq` of the first message that it stands for. */
  readonly prevSeq: number
  /** One message; of a book those that are not merged yet, after the snapshot where there is one. */
  messages: readonly string[]
}

const LATEST: ReadonlySet<string> = new Set(['ticker', 'bbo', 'funding', 'open-interest', 'status', 'arbitrage'])
/** Updates of a book are merged as soon as there are so many: a slow client must not take memory for each. */
const MAX_UNMERGED = 32

/**
 * What waits for a client that does not get every message. Messages are only merged where they stand next to each
 * other in their topic, so each topic keeps its order, and `prevSeq` of what is sent is the `seq` sent before it:
 * whatever a message stands for, the chain goes on where the first of them began.
 */
export class Conflation {
  readonly #stateOf: (key: string) => string | undefined
  readonly #merging: ((key: string) => void) | undefined
  #entries: Entry[] = []
  /** By topic: its last entry, where the next message may merge into it. */
  readonly #open = new Map<string, Entry>()
  #characters = 0

  /**
   * @param stateOf the present state of a topic (`seq === prevSeq`), where it can be had at once
   * @param merging told of each book whose updates begin to wait: its state may be asked for
   */
  constructor(stateOf: (key: string) => string | undefined, merging?: (key: string) => void) {
    this.#stateOf = stateOf
    this.#merging = merging
  }

  /** Of all that waits. */
  get characters(): number {
    return this.#characters
  }

  /** Whether anything waits that may merge further. */
  get isMerging(): boolean {
    return this.#open.size > 0
  }

  /** @param key `null` for answers and whatever else belongs to no topic */
  add(message: string, key: string | null): void {
    const merging = key === null ? 'fixed' : mergingOf(message)
    const open = key === null ? undefined : this.#open.get(key)
    if (open?.merging === merging) {
      this.#merge(open, message)
      return
    }
    const entry: Entry = { key, merging, prevSeq: prevSeqOfMessage(message), messages: [message] }
    this.#entries.push(entry)
    this.#characters += message.length
    if (key === null) return
    if (merging === 'fixed') this.#open.delete(key)
    else this.#open.set(key, entry)
    if (merging === 'book') this.#merging?.(key)
  }

  /** What waits of a topic goes out as it is, ahead of what is added from now on: the client joins it anew, or leaves. */
  seal(key: string): void {
    this.#open.delete(key)
  }

  /**
   * What to send now, in order: everything that stands by itself, and of what can merge further as much as there is
   * room for, the oldest first. The rest goes on merging.
   *
   * @param room messages; 0: nothing that can merge, infinite: all
   */
  take(room: number): string[] {
    const taken: string[] = []
    const kept: Entry[] = []
    for (const entry of this.#entries) {
      const isOpen = entry.key !== null && this.#open.get(entry.key) === entry
      if (isOpen && taken.length + 1 > room) {
        kept.push(entry)
        continue
      }
      if (isOpen && entry.key !== null) this.#open.delete(entry.key)
      taken.push(...this.#render(entry))
    }
    this.#entries = kept
    this.#characters = kept.reduce((sum, entry) => sum + lengthOf(entry), 0)
    return taken
  }

  #merge(entry: Entry, message: string): void {
    this.#characters -= lengthOf(entry)
    if (entry.merging === 'latest' || isBookSnapshot(message)) entry.messages = [message]
    else entry.messages = [...entry.messages, message]
    if (entry.messages.length >= MAX_UNMERGED) entry.messages = mergeBook(entry.messages)
    this.#characters += lengthOf(entry)
  }

  #render({ key, merging, prevSeq, messages }: Entry): readonly string[] {
    if (merging === 'fixed' || key === null) return messages
    const merged = merging === 'book' ? mergeBook(messages) : messages
    const [first = '', ...rest] = this.#snapshotFor(merging, key, merged) ?? merged
    return [withPrevSeq(first, prevSeq), ...rest]
  }

  /** The whole book instead of a merged update that tells more than that, where it can be had. */
  #snapshotFor(merging: Merging, key: string, messages: readonly string[]): readonly string[] | undefined {
    const newest = messages.at(-1) ?? ''
    if (merging !== 'book' || isBookSnapshot(newest) || !exceedsSnapshot(newest)) return undefined
    const state = this.#stateOf(key)
    // Only a state of the same message can stand for it: the next one goes on from there.
    return state !== undefined && seqOfMessage(state) === seqOfMessage(newest) ? [state] : undefined
  }
}

function mergingOf(message: string): Merging {
  // The state that answers a subscription stands for no message before it and must not be replaced.
  if (isState(message)) return 'fixed'
  const type = typeOfMessage(message)
  if (type === 'book') return 'book'
  const isOpenCandle = type === 'candle' && message.endsWith('"closed":false}}')
  return isOpenCandle || LATEST.has(type) ? 'latest' : 'fixed'
}

function lengthOf({ messages }: Entry): number {
  return messages.reduce((sum, message) => sum + message.length, 0)
}
