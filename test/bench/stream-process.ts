import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { z } from 'zod'
import type { Report } from './report.ts'

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: user and system time, in ticks of which 100 are a second. */
const [UTIME, STIME] = [11, 12]
const TICKS_PER_SECOND = 100

/** A process of the benchmark that answers one message with one message. */
export class BenchProcess {
  readonly #child: ChildProcess

  /** @param file beside this one */
  constructor(file: string, args: readonly string[] = []) {
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url).href), [...args])
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** @throws Error where the process ends instead of answering */
  async ask<T>(answer: z.ZodType<T>, question: object): Promise<T> {
    const ended = new AbortController()
    const exit = once(this.#child, 'exit', { signal: ended.signal }).then(([code]) => {
      throw new Error(`a process of the benchmark has ended with ${code}`)
    })
    this.#child.send(question)
    try {
      const [message] = await Promise.race([once(this.#child, 'message', { signal: ended.signal }), exit])
      return answer.parse(message)
    } finally {
      exit.catch(() => undefined)
      ended.abort()
    }
  }

  stop(): void {
    this.#child.kill()
  }
}

/** Seconds of CPU time that a process has used, all its threads together. Reads `/proc`, so it needs Linux. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in parentheses, may hold anything; what follows it is counted from the state, which is field 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[UTIME]) + Number(fields[STIME])) / TICKS_PER_SECOND
}

/** Seconds of CPU time by process, for the time between two calls. */
export class CpuTimes {
  readonly #pids: Readonly<Record<string, number>>
  readonly #before: Readonly<Record<string, number>>

  constructor(pids: Readonly<Record<string, number>>) {
    this.#pids = pids
    this.#before = this.#read()
  }

  report(report: Report, name: string): void {
    const now = this.#read()
    for (const [process, seconds] of Object.entries(now)) {
      const value = seconds - (this.#before[process] ?? 0)
      report({ case: `${name} cpu ${process}`, value, unit: 's', against: null })
    }
  }

  #read(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.#pids).map(([name, pid]) => [name, cpuSeconds(pid)]))
  }
}
