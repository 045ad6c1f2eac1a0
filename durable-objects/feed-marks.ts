import type { TopicMarks } from '../src/live/market-topic.ts'

const HEAD = 'marks'
/**
 * A value holds 2 MB, and a mark of trades up to 2 kB; one call puts 128 keys.
 * https://developers.cloudflare.com/durable-objects/platform/limits/
 */
const MARKS_A_VALUE = 200

/** Says how many values hold the marks of trades: those beyond are left from a time when there were more. */
interface Head {
  readonly values: number
  readonly candles: TopicMarks['candles']
}

/** Keeps what the topics of a feed have reached, as one write. */
export async function saveMarks(storage: DurableObjectStorage, { trades, candles }: TopicMarks): Promise<void> {
  const entries = Object.entries(trades)
  const values: Record<string, unknown> = {}
  for (let at = 0; at < entries.length; at += MARKS_A_VALUE) {
    values[nameOf(at / MARKS_A_VALUE)] = Object.fromEntries(entries.slice(at, at + MARKS_A_VALUE))
  }
  const head: Head = { values: Object.keys(values).length, candles }
  await storage.put({ ...values, [HEAD]: head })
}

/** What {@link saveMarks} kept last. */
export async function loadMarks(storage: DurableObjectStorage): Promise<TopicMarks> {
  const head = await storage.get<Head>(HEAD)
  if (head === undefined) return { trades: {}, candles: {} }
  const names = Array.from({ length: head.values }, (_, index) => nameOf(index))
  const values = await storage.get<TopicMarks['trades']>(names)
  return { trades: Object.assign({}, ...values.values()), candles: head.candles }
}

function nameOf(index: number): string {
  return `${HEAD}:${index}`
}
