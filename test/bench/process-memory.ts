import { readdirSync, readFileSync } from 'node:fs'

/**
 * The one child of this process that runs a program of that name. Reads `/proc`, so it needs Linux.
 *
 * @throws where there is none, or more than one
 */
export function childNamed(name: string): number {
  const children = childrenNamed(name)
  const [pid] = children
  if (pid === undefined || children.length > 1) throw new Error(`${children.length} children are called ${name}`)
  return pid
}

/** All children of this process that run a program of that name. */
export function childrenNamed(name: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => statusField(pid, 'Name') === name && statusField(pid, 'PPid') === String(process.pid))
    .map(Number)
}

/** MB (2^20 bytes) of a process that are in memory now. */
export function residentMb(pid: number): number {
  return Number(statusField(String(pid), 'VmRSS')?.split(' ')[0]) / 1_024
}

function statusField(pid: string, field: string): string | undefined {
  try {
    return new RegExp(`^${field}:\\s+(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  } catch {
    // It has ended since the directory was read.
    return undefined
  }
}
