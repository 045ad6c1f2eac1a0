import { z } from 'zod'
import { EXCHANGES } from '../simulator/catalogue.ts'
import type { Report } from './report.ts'
import { median } from './statistics.ts'
import { BenchProcess, CpuTimes } from './stream-process.ts'

/** What reads the frames: the connectors, and what they are held against. */
export const decoderNames = ['zvt-crypto', 'JSON.parse', 'tardis-dev', 'ccxt'] as const
export type DecoderName = (typeof decoderNames)[number]

/** They take turns, the middle one of each counts: other work on the machine hits all. */
const ROUNDS = 7

const turn = z.object({ perSecond: z.number() })

/**
 * Frames a second of CPU time, from their text to the events of the domain, beside three other ways to read them. Each
 * is a process of its own; what that one has used in all its turns is printed, too.
 */
export async function runDecode(report: Report): Promise<void> {
  for (const exchange of EXCHANGES) {
    const decoders = decoderNames.map((name) => ({
      name,
      runner: new BenchProcess('./decode-runner.ts', [exchange, name]),
      rates: [] as number[],
    }))
    try {
      // The first turn is for the compiler.
      for (const { runner } of decoders) await runner.ask(turn, { ask: 'turn' })
      const cpu = new CpuTimes(Object.fromEntries(decoders.map(({ name, runner }) => [name, runner.pid])))
      for (let round = 0; round < ROUNDS; round++) {
        for (const { runner, rates } of decoders) rates.push((await runner.ask(turn, { ask: 'turn' })).perSecond)
      }
      cpu.report(report, exchange)
      const [value = 0, ...others] = decoders.map(({ rates }) => median(rates))
      for (const [index, perSecond] of others.entries()) {
        const against = { name: decoderNames[index + 1] ?? '', value: perSecond }
        report({ case: exchange, value, unit: 'frames/s', against })
      }
    } finally {
      for (const { runner } of decoders) runner.stop()
    }
  }
}
