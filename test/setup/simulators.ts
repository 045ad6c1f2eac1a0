import type { TestProject } from 'vitest/node'
import { startSimulator } from '../simulator/launch.ts'

/** Ten simulated minutes a real second: what the rules of coverage wait for takes a test no time. */
const SCALE = 600

export default (project: TestProject): Promise<() => Promise<void>> => startSimulations(project, SCALE)

/**
 * Starts the four simulated exchanges, as a process of their own for each file of the project, and tells the tests where
 * they are: so its files can run at the same time, though they inject faults.
 */
export async function startSimulations(project: TestProject, scale: number): Promise<() => Promise<void>> {
  const epoch = Date.now()
  const { testFiles } = await project.globTestFiles()
  const simulators = await Promise.all(
    testFiles.map(() => startSimulator({ timeScale: scale, timeEpoch: epoch, port: 0 })),
  )
  project.provide(
    'simulations',
    simulators.map(({ urls, streamUrls }) => ({
      exchangeHosts: urls,
      streamHosts: streamUrls,
      timeScale: `${scale}@${epoch}`,
    })),
  )
  return async () => {
    await Promise.all(simulators.map((simulator) => simulator.stop()))
  }
}
