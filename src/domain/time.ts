/** Past the end of every calendar that matters here, and far inside what a date can be. */
const MAX_TIME = Date.UTC(2100, 0, 1)
const MILLISECONDS = /^\d{1,15}$/
/** Seconds of 1973 to 2100, which as milliseconds are days of 1970: nobody means those, but many forget to multiply. */
const MIN_SECONDS = 100_000_000
const MAX_SECONDS = MAX_TIME / 1_000
/** A `+` that was not encoded arrives as a space. */
const ISO_8601 = /^(\d{4}-\d{2}-\d{2})(?:(T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+ -]\d{2}:?\d{2})?)?$/

/** A time as ms UTC; `undefined` where the text is none, or none between 1970 and 2100. */
export function parseTime(text: string): number | undefined {
  const time = MILLISECONDS.test(text) ? Number(text) : parseIso(text)
  return time !== undefined && time >= 0 && time <= MAX_TIME ? time : undefined
}

function parseIso(text: string): number | undefined {
  const match = ISO_8601.exec(text)
  if (match === null) return undefined
  const [, date = '', clock = 'T00:00', zone = 'Z'] = match
  const time = Date.parse(date + clock + zone.replace(' ', '+'))
  // `Date` takes the 30th of February for the 2nd of March.
  const day = Date.parse(`${date}T00:00Z`)
  const isDay = !Number.isNaN(day) && new Date(day).toISOString().startsWith(date)
  return isDay && !Number.isNaN(time) ? time : undefined
}

/** Whether a text that is read as milliseconds must have been meant as seconds. */
export function isInSeconds(text: string): boolean {
  return MILLISECONDS.test(text) && Number(text) >= MIN_SECONDS && Number(text) < MAX_SECONDS
}
