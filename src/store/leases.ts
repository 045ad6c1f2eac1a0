import type { Lease } from './chunk.ts'

/**
 * Takes over as the writer of an exchange in a role: from here on, every batch of an earlier holder is refused.
 * Generation 1 is the first ever.
 */
export async function claimLease(db: D1Database, exchange: string, role: string): Promise<Lease> {
  const row = await db
    .prepare(
      `INSERT INTO leases (exchange, role, generation, writer) VALUES (?1, ?2, 1, 1)
       ON CONFLICT (exchange, role) DO UPDATE SET generation = generation + 1, writer = generation + 1
       RETURNING generation`,
    )
    .bind(exchange, role)
    .first<{ generation: number }>()
  if (row === null) throw new Error('a lease was neither made nor found')
  return { exchange, role, generation: row.generation }
}
