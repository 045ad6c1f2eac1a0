import type { ErrorCode } from '../../domain/errors.ts'
import type { Replay } from '../../live/replay.ts'
import { errorMessage } from '../../live/replies.ts'
import { toAppError } from '../problem.ts'

/** Waits so many real ms, or until the signal. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', wake)
      resolve()
    }
    const timer = setTimeout(wake, ms)
    signal.addEventListener('abort', wake)
    if (signal.aborted) wake()
  })
}

/** What a client is told of a failure once its stream has begun. */
export function describeFailure(error: unknown): { readonly code: ErrorCode; readonly detail: string } {
  const { code, detail, cause } = toAppError(error)
  console.error('replay failed', { code, cause: String(cause ?? error) })
  return { code, detail }
}

/**
 * A replay as lines of JSON. It reads on only when the last lines have been taken, so that memory stays the same however
 * long it is. One that fails on the way ends with an `error` in the place of `end`.
 *
 * @param stop told when the reader has gone
 */
export function ndjsonOf(replay: Replay, stop: AbortController): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const frames = replay.frames()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          let next = await frames.next()
          // Nothing is due yet: whoever pulls waits for something.
          while (next.done !== true && next.value.length === 0 && !stop.signal.aborted) next = await frames.next()
          if (stop.signal.aborted) return
          if (next.done === true) controller.close()
          else controller.enqueue(encoder.encode(`${next.value.join('\n')}\n`))
        } catch (error) {
          const { code, detail } = describeFailure(error)
          controller.enqueue(encoder.encode(`${errorMessage(null, code, detail)}\n`))
          controller.close()
        }
      },
      async cancel() {
        stop.abort()
        await frames.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
}
