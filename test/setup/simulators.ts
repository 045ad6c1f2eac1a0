import type { TestProject } from 'vitest/node'
import { startSimulator } from '../simulator/launch.ts'

/** Ten simulated minutes a real second: what the rules of coverage wait for takes a test no time. */
const SCALE = 600

/**
 * Starts the four simulated exchanges, as a process of their own for each file of the project, and tells the tests where
 * they are: so its files can run at the same time, though they inject faults.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const epoch = Date.now()
  const { testFiles } = await project.globTestFiles()
  const simulators = await Promise.all(
    testFiles.map(() => startSimulator({ timeScale: SCALE, timeEpoch: epoch, port: 0 })),
  )
  project.provide(
    'simulations',
    simulators.map(({ urls }) => ({ exchangeHosts: urls, timeScale: `${SCALE}@${epoch}` })),
  )
  return async () => {
    await Promise.all(simulators.map((simulator) => simulator.stop()))
  }
}
