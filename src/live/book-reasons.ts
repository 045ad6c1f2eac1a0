/** Why there is no book, in words that whoever looks across exchanges tells apart. */
export const SILENT = 'the stream was silent'
export const CROSSED = 'the book was crossed'
export const DIFFERENT = "the book differs from the exchange's own"
