/** `npm run bench [-- load|query|decode|stream|ingest|replay|quality] [--json]`: each figure beside what it is held against. */

import { type BenchName, parseBenchArguments, USAGE } from './arguments.ts'
import { runDecode } from './decode.ts'
import { runIngest } from './ingest.ts'
import { runLoad } from './load.ts'
import { runQuality } from './quality.ts'
import { runQuery } from './query.ts'
import { runReplay } from './replay.ts'
import { formatJson, formatRow, type Report } from './report.ts'
import { runStream } from './stream.ts'

const benches: Readonly<Record<BenchName, (report: Report) => Promise<void>>> = {
  load: runLoad,
  query: runQuery,
  decode: runDecode,
  stream: runStream,
  ingest: runIngest,
  replay: runReplay,
  quality: runQuality,
}

async function main(): Promise<void> {
  const { names, json, help } = readArguments()
  if (help) {
    console.log(USAGE)
    return
  }
  const format = json ? formatJson : formatRow
  for (const bench of names) {
    await benches[bench]((measurement) => console.log(format({ bench, ...measurement })))
  }
}

function readArguments(): ReturnType<typeof parseBenchArguments> {
  try {
    return parseBenchArguments(process.argv.slice(2))
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    console.error(USAGE)
    return process.exit(2)
  }
}

await main()
