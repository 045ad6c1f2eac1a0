import type { TestProject } from 'vitest/node'
import { startSimulations } from './simulators.ts'

/** Slow enough that two busy cores keep up with four exchanges, fast enough that half a minute passes in three seconds. */
const SCALE = 10

/** Starts the simulated exchanges for the tests of live data, whose clock must not outrun the machine. */
export default (project: TestProject): Promise<() => Promise<void>> => startSimulations(project, SCALE)
