import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { decodeInput } from './decode.ts'
import { type DecodeOptions, parseDecodeArguments, UsageError, usage } from './decode-arguments.ts'
import { parseInstrumentsFile } from './instrument-names.ts'

// A reader that has seen enough (`| head`) closes the pipe, which is no failure.
process.stdout.on('error', () => process.exit())

try {
  const options = parseDecodeArguments(process.argv.slice(2))
  const instruments = readInstruments(options)
  const input = await text(process.stdin)
  for (const message of decodeInput(options, input, instruments)) process.stdout.write(`${JSON.stringify(message)}\n`)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n\n${usage}`)
  process.exitCode = 2
}

function readInstruments({ instrumentsFile }: DecodeOptions) {
  if (instrumentsFile === null) return []
  try {
    return parseInstrumentsFile(readFileSync(instrumentsFile, 'utf8'))
  } catch (cause) {
    throw new UsageError(`--instruments: ${instrumentsFile} is not a list of decoded instruments`, { cause })
  }
}
