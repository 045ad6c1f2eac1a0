/** How far an exchange is loaded, for people to watch. Pure: numbers in, text out. */

/** The one-minute slots of all series of an exchange, each counted once. */
export interface Progress {
  readonly exchange: string
  readonly expected: number
  /** Stored candles. */
  readonly present: number
  /** Slots in which nothing traded, by the exchange's own answers. */
  readonly empty: number
  /** Slots that were asked for in vain and are not proven empty yet. */
  readonly gaps: number
}

const NAME_WIDTH = 9
const BAR_WIDTH = 40
/** What stands beside the bar. */
const REST_WIDTH = 56

/** A bar a line for a terminal of so many columns; the bar gives way where it is narrow. */
export function renderBars(progress: readonly Progress[], columns: number): string[] {
  const width = Math.max(0, Math.min(BAR_WIDTH, columns - REST_WIDTH))
  return progress.map((one) => {
    const filled = Math.floor(share(one) * width)
    const bar = '█'.repeat(filled) + '░'.repeat(width - filled)
    const counts = `${grouped(one.present).padStart(7)} candles ${one.empty} empty ${gapsOf(one.gaps)}`
    return `${one.exchange.padEnd(NAME_WIDTH)} ${bar} ${percent(one).padStart(7)} ${counts}`.slice(0, columns)
  })
}

/** The same as one line of plain text. */
export function renderLine(progress: readonly Progress[]): string {
  const sum = (pick: (one: Progress) => number) => progress.reduce((total, one) => total + pick(one), 0)
  const shares = progress.map((one) => `${one.exchange} ${percent(one)}`).join(', ')
  const counts = [
    `${grouped(sum((one) => one.present))} candles`,
    `${sum((one) => one.empty)} empty`,
    gapsOf(sum((one) => one.gaps)),
  ]
  return `${shares} (${counts.join(', ')})`
}

function gapsOf(count: number): string {
  return count === 1 ? '1 gap' : `${count} gaps`
}

/** Thousands apart: `86,400`. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

/** Rounded down: 100.0 % means all. */
function percent(progress: Progress): string {
  return `${(Math.floor(share(progress) * 1_000) / 10).toFixed(1)} %`
}

function share({ expected, present, empty }: Progress): number {
  return expected === 0 ? 0 : (present + empty) / expected
}
