import type { TestProject } from 'vitest/node'
import { startSimulator } from '../simulator/launch.ts'

/** Slow enough that two busy cores keep up with four exchanges, fast enough that half a minute passes in three seconds. */
const SCALE = 10

/** Starts the simulated exchanges for the tests of live data, whose clock must not outrun the machine. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const epoch = Date.now()
  const simulator = await startSimulator({ timeScale: SCALE, timeEpoch: epoch, port: 0 })
  project.provide('exchangeHosts', simulator.urls)
  project.provide('streamHosts', simulator.streamUrls)
  project.provide('timeScale', `${SCALE}@${epoch}`)
  return () => simulator.stop()
}
