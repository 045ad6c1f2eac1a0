import { type Progress, renderBars, renderLine } from './progress.ts'

/** Where there is no terminal to redraw on, one line this often is enough (ms). */
const LINE_EVERY_MS = 3_000

/** Writes to stdout: bars that are redrawn on a terminal, now and then a line elsewhere. */
export class Display {
  /** Lines of bars that the next drawing replaces. */
  #drawn = 0
  #lastLine = ''
  #lastLineAt = 0

  say(text: string): void {
    this.#drawn = 0
    console.log(text)
  }

  /** @param now real time, ms */
  show(progress: readonly Progress[], now: number): void {
    if (process.stdout.isTTY) this.#draw(renderBars(progress, process.stdout.columns))
    else this.#print(renderLine(progress), now)
  }

  #draw(bars: readonly string[]): void {
    const up = this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A`
    process.stdout.write(`${up}${bars.map((bar) => `\x1b[2K${bar}\n`).join('')}`)
    this.#drawn = bars.length
  }

  #print(line: string, now: number): void {
    if (line === this.#lastLine || now - this.#lastLineAt < LINE_EVERY_MS) return
    console.log(line)
    this.#lastLine = line
    this.#lastLineAt = now
  }
}
