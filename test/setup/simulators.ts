import type { TestProject } from 'vitest/node'
import { startSimulator } from '../simulator/launch.ts'

/** Ten simulated minutes a real second: what the rules of coverage wait for takes a test no time. */
const SCALE = 600

/** Starts the four simulated exchanges as a process of their own and tells the tests where they are. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const epoch = Date.now()
  const simulator = await startSimulator({ timeScale: SCALE, timeEpoch: epoch, port: 0 })
  project.provide('exchangeHosts', simulator.urls)
  project.provide('timeScale', `${SCALE}@${epoch}`)
  return () => simulator.stop()
}
