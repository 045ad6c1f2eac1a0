/** The client of the query benchmark, a process of its own: sends GETs over kept connections and times each. */

import { z } from 'zod'
import { Connection } from './http-client.ts'

const task = z.object({
  base: z.url(),
  paths: z.array(z.string()).min(1),
  connections: z.int().positive(),
  /** ms of requests that do not count, then ms of those that do. */
  warmUpMs: z.number(),
  measureMs: z.number(),
})
export type QueryTask = z.infer<typeof task>

export const timings = z.object({
  /** ms of each request. */
  latencies: z.array(z.number()),
  perSecond: z.number(),
})
export type Timings = z.infer<typeof timings>

async function perform({ base, paths, connections, warmUpMs, measureMs }: QueryTask): Promise<Timings> {
  const latencies: number[] = []
  const from = performance.now() + warmUpMs
  const until = from + measureMs
  let next = 0
  const run = async () => {
    const connection = await Connection.open(new URL(base))
    for (let sentAt = performance.now(); sentAt < until; ) {
      const path = paths[next++ % paths.length] ?? '/'
      const status = await connection.get(path)
      const answeredAt = performance.now()
      if (status !== 200) throw new Error(`${path} was answered with ${status}`)
      if (sentAt >= from && answeredAt <= until) latencies.push(answeredAt - sentAt)
      sentAt = answeredAt
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: connections }, run))
  return { latencies, perSecond: (latencies.length / measureMs) * 1_000 }
}

process.on('message', async (message) => {
  process.send?.(await perform(task.parse(message)))
})
