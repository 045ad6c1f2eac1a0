import { z } from '@hono/zod-openapi'
import { setMissing } from './candles/render.ts'
import { NO_STORE } from './live.ts'
import { limitParam, timeParam } from './params.ts'

const DEFAULT_LIMIT = 500
const MAX_LIMIT = 5_000

export const formats = ['json', 'csv', 'ndjson'] as const
export type Format = (typeof formats)[number]

const contentTypes = {
  json: 'application/json',
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
} as const satisfies Record<Format, string>

/** What a page of rows by time can be asked for. */
export const rowsQuery = z.strictObject({
  start: timeParam.optional().openapi({ description: 'Inclusive. Without it: the newest `limit` before `end`' }),
  end: timeParam.optional().openapi({ description: 'Exclusive. Without it: now' }),
  limit: limitParam(DEFAULT_LIMIT, MAX_LIMIT),
  order: z.enum(['asc', 'desc']).default('asc'),
  format: z.enum(formats).default('json'),
})

/** A cursor that is not one of ours. */
export const NO_CURSOR = 'must be the nextCursor of the previous page'

/**
 * Where the page after one goes on. The newest rows, asked for without a start and told in ascending order, have nothing
 * after them.
 *
 * @param cursor of the last row of the page in the direction of reading; `null` after the last page
 */
export function nextOf(
  url: string,
  { start, order }: Pick<z.output<typeof rowsQuery>, 'start' | 'order'>,
  cursor: string | null,
): { readonly nextCursor: string | null; readonly nextUrl: string | null } {
  if (cursor === null || (start === undefined && order === 'asc')) return { nextCursor: null, nextUrl: null }
  const nextUrl = new URL(url)
  nextUrl.searchParams.set('cursor', cursor)
  return { nextCursor: cursor, nextUrl: nextUrl.href }
}

/** One page of rows, in the order in which they were asked for. */
export interface RowsPage<T extends object> {
  /** Their members stand in their documented order. */
  readonly rows: readonly T[]
  /** The names of those members. */
  readonly columns: readonly (keyof T & string)[]
  /** What JSON says beside the rows. */
  readonly about: object
  /** `[from, to, reason]` */
  readonly missing: readonly (readonly [number, number, string])[]
  readonly nextCursor: string | null
  readonly nextUrl: string | null
}

/** The page in a format. What has no room in it stands in headers. */
export function renderRows<T extends object>(page: RowsPage<T>, format: Format): Response {
  const { missing, nextCursor, nextUrl } = page
  const headers = new Headers({
    'Content-Type': contentTypes[format],
    'Cache-Control': NO_STORE,
    'X-Coverage-Complete': String(missing.length === 0),
  })
  setMissing(headers, missing)
  if (nextCursor !== null) headers.set('X-Next-Cursor', nextCursor)
  if (nextUrl !== null) headers.set('Link', `<${nextUrl}>; rel="next"`)
  return new Response(bodyOf(page, format), { headers })
}

function bodyOf<T extends object>({ rows, columns, about, nextCursor, nextUrl }: RowsPage<T>, format: Format): string {
  switch (format) {
    case 'json':
      return JSON.stringify({ ...about, nextCursor, nextUrl, data: rows })
    case 'csv':
      return [columns.join(','), ...rows.map((row) => columns.map((name) => toCell(row[name])).join(',')), ''].join(
        '\n',
      )
    case 'ndjson':
      return [...rows.map((row) => JSON.stringify(row)), ''].join('\n')
  }
}

/** https://www.rfc-editor.org/rfc/rfc4180 */
function toCell(value: unknown): string {
  const text = value === null ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
