import { z } from '@hono/zod-openapi'

/** What every record names, for the description of the API. */
export const nameFields = {
  exchange: z.string().optional().openapi({ example: 'okx', description: 'Or in the query, for all records' }),
  symbol: z.string().optional().openapi({ example: 'BTC-USDT', description: 'Or in the query, for all records' }),
}

/** What trades and order books have in common. */
export const recordFields = {
  ...nameFields,
  exchangeTime: z.union([z.int(), z.string()]).openapi({
    example: 1_704_067_200_000,
    description: "By the exchange's clock: milliseconds UTC or ISO 8601, from 2009 to a minute from now",
  }),
  receivedTime: z
    .union([z.int(), z.string()])
    .nullable()
    .optional()
    .openapi({ description: 'When the sender received it; without it, when it was taken in here' }),
}

/** A price or a size. */
export const amountField = z.union([z.string(), z.number()]).openapi({
  example: '43474.1',
  description: 'An exact decimal above 0, as text or as a number: both are read without rounding',
})
