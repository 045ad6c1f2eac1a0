/**
 * Measures one decoder with the frames of one exchange, in a process of its own: it has seen no other frames, as a feed
 * has not, and shares neither compiled code nor garbage with another decoder.
 */

import { z } from 'zod'
import { EXCHANGES } from '../simulator/catalogue.ts'
import { type DecoderName, decoderNames } from './decode.ts'
import { type FrameMix, type MixedFrame, mixFrames } from './decode-frames.ts'
import {
  type BinanceSnapshot,
  bareParse,
  ccxtDecoder,
  type Decoder,
  ownDecoder,
  tardisDecoder,
} from './decode-rivals.ts'

const question = z.object({ ask: z.literal('turn') })
const parameters = z.tuple([z.enum(EXCHANGES), z.enum(decoderNames)])
type Exchange = (typeof EXCHANGES)[number]

/** CPU time of a turn. */
const TURN_MS = 150

const body = z.object({ lastUpdateId: z.int(), bids: z.array(z.unknown()), asks: z.array(z.unknown()) })

const create: Readonly<
  Record<
    DecoderName,
    (exchange: Exchange, mix: FrameMix, snapshots: readonly BinanceSnapshot[]) => Decoder | Promise<Decoder>
  >
> = {
  'zvt-crypto': ownDecoder,
  'JSON.parse': () => bareParse,
  'tardis-dev': tardisDecoder,
  ccxt: ccxtDecoder,
}

async function open(exchange: Exchange, name: DecoderName) {
  const mix = await mixFrames(exchange)
  const snapshots: BinanceSnapshot[] = []
  if (exchange === 'binance') {
    for (const { exchangeSymbol: symbol } of mix.instruments) {
      const text = await mix.readSnapshot(symbol)
      snapshots.push({ symbol, body: () => body.parse(JSON.parse(text)) })
    }
  }
  const decoder = await create[name](exchange, mix, snapshots)
  await mix.stop()
  return { decoder, frames: mix.frames }
}

/** @returns frames a second of CPU time */
async function takeTurn(decoder: Decoder, frames: readonly MixedFrame[]): Promise<number> {
  let [count, ms] = [0, 0]
  while (ms < TURN_MS) {
    await decoder.prepare()
    const startedAt = process.cpuUsage()
    const said = decoder.run(frames)
    const { user, system } = process.cpuUsage(startedAt)
    ms += (user + system) / 1_000
    count += frames.length
    if (said < frames.length) throw new Error(`${decoder.name} has read ${said} of ${frames.length} frames`)
  }
  return (count / ms) * 1_000
}

const opened = open(...parameters.parse(process.argv.slice(2)))
process.on('message', async (message) => {
  question.parse(message)
  const { decoder, frames } = await opened
  process.send?.({ perSecond: await takeTurn(decoder, frames) })
})
