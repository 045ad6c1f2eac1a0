/**
 * What is common to chunks of records: cut into pieces, kept column by column as differences, and compressed. Neighbours
 * are alike, so that a record takes a few bytes.
 */

/** What is stored at most in one piece: D1 takes 2 MB, but a whole piece is read for a single record of it. */
export const MAX_CHUNK_BYTES = 256 * 1024

/** Cuts a list into pieces of at most `maxBytes` by what each item takes at most; a larger item is a piece by itself. */
export function sliceBySize<T>(items: readonly T[], bytesOf: (item: T) => number, maxBytes: number): (readonly T[])[] {
  const slices: (readonly T[])[] = []
  let start = 0
  let bytes = 0
  for (const [index, item] of items.entries()) {
    const more = bytesOf(item)
    if (bytes + more > maxBytes && index > start) {
      slices.push(items.slice(start, index))
      start = index
      bytes = 0
    }
    bytes += more
  }
  if (start < items.length) slices.push(items.slice(start))
  return slices
}

/** A JSON value as compressed bytes (deflate). */
export async function deflateJson(value: unknown): Promise<Uint8Array> {
  const stream = new Blob([JSON.stringify(value)]).stream().pipeThrough(new CompressionStream('deflate-raw'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** The value that {@link deflateJson} made `bytes` of. @throws where it did not */
export async function inflateJson(bytes: Uint8Array): Promise<unknown> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'))
  return await new Response(stream).json()
}

/** The first value, then how far each lies from the one before. */
export function differences(values: readonly number[]): number[] {
  return values.map((value, index) => value - (values[index - 1] ?? 0))
}

/** The values that {@link differences} was given. */
export function sums(steps: readonly number[]): number[] {
  let sum = 0
  return steps.map((step) => {
    sum += step
    return sum
  })
}

/** An id or counter as a number where that says all of it; `undefined` for any other text. */
export function wholeNumber(text: string): number | undefined {
  const number = Number(text)
  return Number.isSafeInteger(number) && number >= 0 && String(number) === text ? number : undefined
}

/** Whether each text was a {@link wholeNumber}. */
export function isComplete(numbers: readonly (number | undefined)[]): numbers is readonly number[] {
  return !numbers.includes(undefined)
}
