import type { BookRuleName } from '../exchanges/stream.ts'
import { bridged } from './book-rules/bridged.ts'
import { connection } from './book-rules/connection.ts'
import { contiguous } from './book-rules/contiguous.ts'
import { counted } from './book-rules/counted.ts'
import { linked } from './book-rules/linked.ts'
import type { BookRule } from './book-rules/rule.ts'

export const bookRules = { contiguous, bridged, linked, counted, connection } as const satisfies Record<
  BookRuleName,
  BookRule
>
