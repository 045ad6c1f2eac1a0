/** Measures the decoders of one exchange in a process of its own, which has seen no other frames, as a feed has not. */

import { z } from 'zod'
import { EXCHANGES } from '../simulator/catalogue.ts'
import { mixFrames } from './decode-frames.ts'
import {
  type BinanceSnapshot,
  bareParse,
  ccxtDecoder,
  type Decoder,
  ownDecoder,
  tardisDecoder,
} from './decode-rivals.ts'
import { median } from './statistics.ts'

const question = z.object({ exchange: z.enum(EXCHANGES) })

/** They take turns, the middle one of each counts: other work on the machine hits all. */
const ROUNDS = 7
/** CPU time of a turn; the first one is for the compiler. */
const TURN_MS = 150

const body = z.object({ lastUpdateId: z.int(), bids: z.array(z.unknown()), asks: z.array(z.unknown()) })

process.once('message', async (message) => {
  const { exchange } = question.parse(message)
  const mix = await mixFrames(exchange)
  const snapshots: BinanceSnapshot[] = []
  if (exchange === 'binance') {
    for (const { exchangeSymbol: symbol } of mix.instruments) {
      const text = await mix.readSnapshot(symbol)
      snapshots.push({ symbol, body: () => body.parse(JSON.parse(text)) })
    }
  }
  const decoders: readonly Decoder[] = [
    ownDecoder(exchange, mix),
    bareParse,
    tardisDecoder(exchange, mix, snapshots),
    await ccxtDecoder(exchange, mix, snapshots),
  ]
  await mix.stop()
  const rates = new Map<string, number[]>(decoders.map(({ name }) => [name, []]))
  for (let round = 0; round <= ROUNDS; round++) {
    for (const decoder of decoders) {
      let [frames, ms] = [0, 0]
      while (ms < TURN_MS) {
        await decoder.prepare()
        const startedAt = process.cpuUsage()
        const said = decoder.run(mix.frames)
        const { user, system } = process.cpuUsage(startedAt)
        ms += (user + system) / 1_000
        frames += mix.frames.length
        if (said < mix.frames.length) throw new Error(`${decoder.name} has read ${said} of ${mix.frames.length} frames`)
      }
      if (round > 0) rates.get(decoder.name)?.push((frames / ms) * 1_000)
    }
  }
  const medians = [...rates].map(([name, values]) => ({ name, perSecond: median(values) }))
  process.send?.({ medians }, () => process.exit())
})
