import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { z } from 'zod'
import type { RunningWorker } from '../harness/worker.ts'

const targets = z.array(z.object({ id: z.string(), webSocketDebuggerUrl: z.url() }))
/** How the local runtime names the worker itself among its own ones. */
const WORKER = 'core:user:'
const MEGABYTE = 2 ** 20
/** What the worker answers by itself, without an object or the database. */
const AT_HAND = '/openapi.json'
const PAUSE_MS = 20
/** Bytes: of objects, and of what typed arrays hold outside of the heap. */
const usage = z.object({ usedSize: z.number(), backingStorageSize: z.number() })

/**
 * MB that the objects of a worker take once all garbage is gone: what the limit of 128 MB is about, for all objects of a
 * class share one heap. The memory of the process would say little: it holds the runtime and the database too, and V8
 * gives back late what it has once taken.
 *
 * @param worker started with `inspect`
 */
export async function usedHeapMb(worker: RunningWorker): Promise<number> {
  const url = await worker.inspectorUrl()
  const answer = await fetch(`http://${url.host}/json`)
  const target = targets.parse(await answer.json()).find(({ id }) => id.startsWith(WORKER))
  if (target === undefined) throw new Error('the inspector does not know the worker')
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  try {
    await whileAsked(worker, ask(socket, 1, 'HeapProfiler.collectGarbage'))
    const { usedSize, backingStorageSize } = usage.parse(await ask(socket, 2, 'Runtime.getHeapUsage'))
    return (usedSize + backingStorageSize) / MEGABYTE
  } finally {
    socket.close()
  }
}

/**
 * The collection waits in the event loop of the isolate, which workerd does not turn while nobody asks the worker for
 * something: so it is asked, for what no object has to answer, until that is done.
 */
async function whileAsked(worker: RunningWorker, collection: Promise<unknown>): Promise<void> {
  let isDone = false
  const done = collection.finally(() => {
    isDone = true
  })
  while (!isDone) {
    await (await fetch(new URL(AT_HAND, worker.url.href))).arrayBuffer()
    await Promise.race([done, pause(PAUSE_MS)])
  }
  await done
}

const reply = z.object({ id: z.int().optional(), result: z.unknown() })

/** https://chromedevtools.github.io/devtools-protocol/v8/ */
function ask(socket: WebSocket, id: number, method: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    socket.once('close', () => reject(new Error('the inspector has closed')))
    socket.on('message', (data) => {
      const message = reply.parse(JSON.parse(String(data)))
      if (message.id === id) resolve(message.result)
    })
    socket.send(JSON.stringify({ id, method }))
  })
}
