import { expect, it } from 'vitest'
import { startWorker } from '../harness/worker.ts'
import { usedHeapMb } from './stream-inspector.ts'

it('weighs the heap of a worker that nobody asks for anything', async () => {
  const worker = await startWorker({ vars: {}, inspect: true })
  try {
    // It is not loaded before its first request.
    await fetch(new URL('/v1/exchanges', worker.url.href))
    const first = await usedHeapMb(worker)
    expect(first).toBeGreaterThan(1)
    expect(await usedHeapMb(worker)).toBeLessThan(2 * first)
  } finally {
    await worker.stop()
  }
})
