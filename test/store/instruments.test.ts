import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { decimal } from '../../src/domain/decimal.ts'
import type { Instrument } from '../../src/domain/instrument.ts'
import { replaceInstrumentsStatements } from '../../src/store/instruments.ts'

/** The list of a day, as the exchange gives it. */
async function refresh(day: number, ...instruments: readonly Instrument[]): Promise<void> {
  await env.DB.batch(replaceInstrumentsStatements(env.DB, 'bybit', 'spot', instruments, [], day))
}

function listing(base: string, changes: Partial<Instrument> = {}): Instrument {
  const symbol = `${base}-USDT`
  return {
    ...{ exchange: 'bybit', kind: 'spot', symbol, exchangeSymbol: `${base}USDT`, base, quote: 'USDT', settle: null },
    ...{ inverse: false, contractSize: null, tickSize: null, lotSize: null, active: true, listedAt: null },
    ...changes,
  }
}

const rows = async (base: string) => {
  const { results } = await env.DB.prepare(
    `SELECT symbol, tick_size AS tickSize, active, listed, valid_from AS validFrom, valid_to AS validTo,
      (SELECT group_concat(symbol) FROM instrument_aliases WHERE instrument_id = instruments.id) AS aliases
     FROM instruments WHERE exchange_symbol = ?1 ORDER BY id`,
  )
    .bind(`${base}USDT`)
    .all()
  return results
}

const fresh = { tickSize: null, active: 1, listed: 1, validTo: null, aliases: null }

it('takes in what is new, and what has changed of what is known', async () => {
  await refresh(1, listing('ONE'))
  await refresh(2, listing('ONE', { tickSize: decimal('0.01') }), listing('TWO'))
  expect(await rows('ONE')).toEqual([{ ...fresh, symbol: 'ONE-USDT', tickSize: '0.01', validFrom: 1 }])
  expect(await rows('TWO')).toEqual([{ ...fresh, symbol: 'TWO-USDT', validFrom: 2 }])
})

it('keeps the symbol that an instrument had before it was renamed', async () => {
  await refresh(1, listing('OLD'))
  await refresh(2, listing('OLD', { symbol: 'NEW-USDT', base: 'NEW' }))
  expect(await rows('OLD')).toEqual([{ ...fresh, symbol: 'NEW-USDT', validFrom: 1, aliases: 'OLD-USDT' }])
})

it('ends one that is halted, until it trades again', async () => {
  await refresh(1, listing('HALT'))
  await refresh(2, listing('HALT', { active: false }))
  await refresh(3, listing('HALT', { active: false }))
  expect(await rows('HALT')).toMatchObject([{ active: 0, listed: 1, validTo: 2 }])
  await refresh(4, listing('HALT'))
  expect(await rows('HALT')).toMatchObject([{ active: 1, validFrom: 1, validTo: null }])
})

it('keeps one that is delisted, and takes it for another when it is listed again', async () => {
  await refresh(1, listing('GONE'), listing('STAYS'))
  await refresh(2, listing('STAYS'))
  expect(await rows('GONE')).toMatchObject([{ active: 0, listed: 0, validTo: 2 }])
  await refresh(3, listing('GONE'), listing('STAYS'))
  expect(await rows('GONE')).toMatchObject([
    { active: 0, validFrom: 1, validTo: 2 },
    { active: 1, validFrom: 3, validTo: null },
  ])
})

it('delists nothing for a list that is empty', async () => {
  await refresh(1, listing('SAFE'))
  await refresh(2)
  expect(await rows('SAFE')).toMatchObject([{ active: 1, listed: 1, validTo: null }])
})
