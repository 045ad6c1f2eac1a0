import { AppError } from '../../domain/errors.ts'
import type { AppContext } from '../context.ts'

/** How the records of a body are laid out. */
export type BodyForm = 'document' | 'lines'

export interface OpenBody {
  readonly form: BodyForm
  readonly stream: ReadableStream<Uint8Array>
}

const TYPES: readonly (readonly [RegExp, BodyForm])[] = [
  [/^application\/json *(?:;|$)/i, 'document'],
  [/^application\/(?:x-)?ndjson *(?:;|$)/i, 'lines'],
]

/**
 * The body as a stream of plain bytes, and its form.
 *
 * @throws AppError `unsupported_media_type`
 */
export function openBody({ req }: AppContext): OpenBody {
  const type = req.header('Content-Type') ?? ''
  const form = TYPES.find(([pattern]) => pattern.test(type))?.[1]
  if (form === undefined) {
    const detail = 'the body must be sent as Content-Type: application/json (one array) or application/x-ndjson'
    throw new AppError('unsupported_media_type', detail)
  }
  const stream = req.raw.body ?? new Blob([]).stream()
  return { form, stream: decompress(stream, req.header('Content-Encoding') ?? 'identity') }
}

function decompress(stream: ReadableStream<Uint8Array>, encoding: string): ReadableStream<Uint8Array> {
  switch (encoding.toLowerCase()) {
    case 'identity':
      return stream
    case 'gzip':
      return stream.pipeThrough(new DecompressionStream('gzip'))
    default:
      throw new AppError('unsupported_media_type', 'the body must be sent plainly or with Content-Encoding: gzip')
  }
}
