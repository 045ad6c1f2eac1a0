import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { decodeInput } from './decode.ts'
import { type DecodeOptions, parseDecodeArguments, UsageError, usage } from './decode-arguments.ts'
import { FrameDecoder } from './decode-frames.ts'
import { parseInstrumentsFile } from './instrument-names.ts'
import { type Line, MAX_LINE_LENGTH, readLines } from './line-reader.ts'
import type { Message } from './message.ts'

// A reader that has seen enough (`| head`) closes the pipe, which is no failure.
process.stdout.on('error', () => process.exit())

try {
  const options = parseDecodeArguments(process.argv.slice(2))
  if (options === 'help') process.stdout.write(usage)
  else await decode(options)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n\n${usage}`)
  process.exitCode = 2
}

async function decode(options: DecodeOptions): Promise<void> {
  const instruments = readInstruments(options)
  if (options.transport === 'ws') {
    process.stdin.setEncoding('utf8')
    const decoder = new FrameDecoder(options, instruments)
    for await (const lines of readLines(process.stdin)) await print(lines.flatMap((line) => decodeLine(decoder, line)))
  } else {
    await print([...decodeInput(options, await text(process.stdin), instruments)])
  }
}

function decodeLine(decoder: FrameDecoder, line: Line): readonly Message[] {
  return line === null ? [decoder.invalid(`a line of more than ${MAX_LINE_LENGTH} characters`)] : decoder.decode(line)
}

/** Waits where the reader is slow: frames may come faster than it takes them, for hours. */
async function print(messages: readonly Message[]): Promise<void> {
  const lines = messages.map((message) => `${JSON.stringify(message)}\n`).join('')
  if (!process.stdout.write(lines)) await once(process.stdout, 'drain')
}

function readInstruments({ instrumentsFile }: DecodeOptions) {
  if (instrumentsFile === null) return []
  try {
    return parseInstrumentsFile(readFileSync(instrumentsFile, 'utf8'))
  } catch (cause) {
    throw new UsageError(`--instruments: ${instrumentsFile} is not a list of decoded instruments`, { cause })
  }
}
