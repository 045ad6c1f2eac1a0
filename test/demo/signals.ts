const SIGNALS = ['SIGINT', 'SIGTERM'] as const

export interface StopListener {
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
  /** Makes it the only listener again. */
  takeOver(): void
}

/**
 * Listens for the end. Miniflare ends the process at a signal, with 130 or 143: `takeOver` removes its listeners once it
 * runs. A signal in the moment before that has ended its children, so there too the exit code can be 0.
 */
export function listenForStop(): StopListener {
  const controller = new AbortController()
  const stop = () => controller.abort()
  const takeOver = () => {
    for (const signal of SIGNALS) process.removeAllListeners(signal).on(signal, stop)
  }
  takeOver()
  process.once('exit', () => {
    if (controller.signal.aborted) process.exitCode = 0
  })
  return { signal: controller.signal, takeOver }
}
