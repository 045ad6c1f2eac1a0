import type { IngestFault } from '../../domain/ingest.ts'

/** Stands in the place of a record that could not even be parsed. No parsed value is one. */
export class Unreadable {
  readonly fault: IngestFault

  constructor(reason: 'malformed' | 'line_too_long', message: string) {
    this.fault = { reason, path: '', message }
  }
}
