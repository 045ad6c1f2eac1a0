/** `npm run demo`: the whole system on simulated exchanges, on this machine alone. */

import { parseDemoArguments, USAGE } from './arguments.ts'
import { runDemo } from './demo.ts'

const parsed = parseDemoArguments(process.argv.slice(2))
switch (parsed.kind) {
  case 'help':
    console.log(USAGE)
    break
  case 'invalid':
    console.error(`${parsed.message}\n\n${USAGE}`)
    process.exitCode = 2
    break
  case 'run':
    process.exitCode = await runDemo(parsed.options)
    break
}
