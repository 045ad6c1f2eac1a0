const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/

/** After so many years the calendar begins anew. */
const CYCLE_YEARS = 400
const CYCLE_MS = 146_097 * 86_400_000
const SHORTEST_MONTH = 28

/**
 * Ms UTC of `2021-04-17T16:43:30.452702Z`, what is finer than a millisecond cut off; `undefined` for any other layout and
 * for times that do not exist. Faster than `Date.parse`, for feeds that read one a frame.
 */
export function readIsoTime(text: string): number | undefined {
  if (!ISO_TIME.test(text)) return undefined
  const month = twoDigits(text, 5)
  const day = twoDigits(text, 8)
  const hour = twoDigits(text, 11)
  const minute = twoDigits(text, 14)
  const second = twoDigits(text, 17)
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) return undefined
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2)
  // The layout leaves no other sign than digits and the last one between here and the end.
  const millisecond =
    text.length < 24 ? Number(`0${text.slice(19, -1)}`) * 1_000 : twoDigits(text, 20) * 10 + digit(text, 22)
  // `Date.UTC` takes years below 100 for those of the last century, and the 31st of a shorter month for a day of the next.
  const time = Date.UTC(year + CYCLE_YEARS, month - 1, day, hour, minute, second, millisecond) - CYCLE_MS
  return day > SHORTEST_MONTH && new Date(time).getUTCDate() !== day ? undefined : time
}

function twoDigits(text: string, at: number): number {
  return digit(text, at) * 10 + digit(text, at + 1)
}

function digit(text: string, at: number): number {
  return text.charCodeAt(at) - 48
}
