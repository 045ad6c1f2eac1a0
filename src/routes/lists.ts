import { z } from '@hono/zod-openapi'
import { decodeBase64Url, encodeBase64Url } from 'hono/utils/encode'
import type { Position } from '../store/pages.ts'

const position = z.tuple([z.int().nonnegative(), z.array(z.union([z.string(), z.number()])).max(8)])

/** Where a list goes on, as its previous page gave it. */
export const cursorParam = z
  .string()
  .max(2_000)
  .transform((text, context): Position => {
    const parsed = position.safeParse(decode(text))
    if (parsed.success) return { shard: parsed.data[0], key: parsed.data[1] }
    context.addIssue({ code: 'custom', message: 'must be the nextCursor of the previous page' })
    return z.NEVER
  })
  .openapi({ type: 'string', description: 'The `nextCursor` of the previous page' })

/** The shape of a page of a list, whose members `item` describes. */
export function listSchema<T extends z.ZodType>(item: T) {
  return z.object({
    data: z.array(item),
    nextCursor: z.string().nullable(),
    nextUrl: z.string().nullable(),
  })
}

/** The two members that lead to the next page of a list. */
export function nextPage(url: string, next: Position | null): { nextCursor: string | null; nextUrl: string | null } {
  if (next === null) return { nextCursor: null, nextUrl: null }
  const nextCursor = encode([next.shard, next.key])
  const nextUrl = new URL(url)
  nextUrl.searchParams.set('cursor', nextCursor)
  return { nextCursor, nextUrl: nextUrl.href }
}

/** URL-safe Base64 of the JSON in UTF-8: keys hold symbols of any script. */
function encode(value: unknown): string {
  return encodeBase64Url(new TextEncoder().encode(JSON.stringify(value)).buffer)
}

function decode(text: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(decodeBase64Url(text)))
  } catch {
    return undefined
  }
}
