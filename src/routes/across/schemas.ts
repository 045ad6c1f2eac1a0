import { z } from 'zod'
import { leftOutReasons } from '../../live/consolidated.ts'

/** What is seen across exchanges, as HTTP and the stream give it. */

const decimal = z.string().meta({ description: 'An exact decimal' })
const percent = z.string().meta({ description: 'Percent, rounded down (towards minus infinity) to 6 places' })
const level = z.object({ price: decimal, size: decimal.meta({ description: 'In base units' }) }).nullable()
const book = { exchange: z.string(), symbol: z.string() }

const age = {
  exchangeTime: z.int().nullable().meta({ description: 'ms UTC; null where the exchange does not send it' }),
  receivedTime: z.int().meta({ description: 'ms UTC: when its book was last heard' }),
  ageMs: z.int().meta({ description: 'Since then' }),
}

export const leftOutSchema = z
  .array(
    z.object({
      ...book,
      reason: z.enum(leftOutReasons).meta({
        description:
          '`not_listed`; `unreachable`: its feed gives no answer; `unsynced`, `crossed`: its book is not known to be right; ' +
          '`stale`: nothing comes though there is newer data, or nothing has come for too long; `empty`: nothing is offered',
      }),
      detail: z.string(),
    }),
  )
  .meta({ description: 'Books that do not count, and why' })

const best = z
  .object({ ...book, price: decimal, size: decimal.meta({ description: 'In base units' }) })
  .nullable()
  .meta({ description: 'null: nobody offers' })

export const consolidatedBboData = {
  bid: best,
  ask: best,
  mid: decimal.nullable(),
  spread: decimal.nullable().meta({ description: '`ask - bid`: negative where two exchanges cross each other' }),
  spreadPercent: percent.nullable().meta({ description: 'Of the mid; rounded down to 6 places' }),
  crossed: z.boolean().meta({ description: 'Whether the best bid of one exchange is above the best ask of another' }),
  exchanges: z
    .array(z.object({ ...book, exchangeSymbol: z.string().nullable(), bid: level, ask: level, ...age }))
    .meta({ description: 'The best bid and offer of each book that counts' }),
  leftOut: leftOutSchema,
}

const arbitrageLeg = z.object({
  ...book,
  exchangeSymbol: z.string().nullable(),
  price: decimal,
  size: decimal.meta({ description: 'Offered at this price, in base units' }),
  takerFee: z.string().meta({ description: 'A fraction: 0.001 is 0.1 %' }),
  ...age,
})

export const arbitrageShape = {
  buy: arbitrageLeg.meta({ description: 'Where to buy, at its ask' }),
  sell: arbitrageLeg.meta({ description: 'Where to sell, at its bid' }),
  size: decimal.meta({ description: 'The lesser of both sizes: so much can be had at these prices' }),
  spread: decimal.meta({ description: '`sell.price - buy.price`, exact' }),
  spreadPercent: percent.meta({ description: 'Of `buy.price`, rounded down to 6 places' }),
  netSpread: decimal.meta({
    description: 'Less the taker fees of both: `sell.price*(1-fee) - buy.price*(1+fee)`, exact',
  }),
  netPercent: percent.meta({ description: 'Of `buy.price`, rounded down to 6 places' }),
}

export const arbitrageData = {
  above: z.boolean().meta({ description: 'Whether the net spread is at or above the threshold' }),
  best: z.object(arbitrageShape).nullable().meta({ description: 'null: no two exchanges can be compared' }),
  leftOut: leftOutSchema,
}
