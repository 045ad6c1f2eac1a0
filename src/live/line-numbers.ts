import type { TopicLine } from './messages.ts'

/**
 * From where the lines of a feed count that begin now. Within one epoch no topic gives a number twice: a line that begins
 * after others have ended counts on above all of them. So whoever comes back to a topic that had ended meanwhile sees
 * that he has missed something, and of what has ended nothing need be kept.
 */
export class LineNumbers {
  #first = 0

  /** What stands for "nothing was sent yet" in a new line. */
  get first(): number {
    return this.#first
  }

  ended({ seq }: TopicLine): void {
    this.#first = Math.max(this.#first, seq + 1)
  }
}
