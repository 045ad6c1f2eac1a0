import { z } from 'zod'
import { EXCHANGES } from '../simulator/catalogue.ts'
import type { Report } from './report.ts'
import { BenchProcess } from './stream-process.ts'

const answer = z.object({ medians: z.array(z.object({ name: z.string(), perSecond: z.number() })) })

/** Frames a second of CPU time, from their text to the events of the domain, beside three other ways to read them. */
export async function runDecode(report: Report): Promise<void> {
  for (const exchange of EXCHANGES) {
    const runner = new BenchProcess('./decode-runner.ts')
    const { medians } = await runner.ask(answer, { exchange })
    const [own, ...others] = medians
    for (const { name, perSecond } of own === undefined ? [] : others) {
      const against = { name, value: perSecond }
      report({ case: exchange, value: own?.perSecond ?? 0, unit: 'frames/s', against })
    }
  }
}
