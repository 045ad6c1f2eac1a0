/** Which trades of a perpetual are liquidations: a seeded few, so that every exchange has some to report. */

import type { Instrument } from './catalogue.ts'
import { mix, seedOf } from './random.ts'
import type { Trade } from './trade-tape.ts'

/** About one trade in so many: with six to nine trades a minute, one every few minutes. */
const ONE_IN = 32

/** Whether the taker of this trade was being liquidated: a taker that sells closes a long position. */
export const isLiquidation = ({ exchange, exchangeSymbol }: Instrument, { id }: Trade): boolean =>
  mix(seedOf(`liquidation:${exchange}:${exchangeSymbol}`), id) % ONE_IN === 0
