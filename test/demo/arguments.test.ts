import { describe, expect, it } from 'vitest'
import { parseDemoArguments } from './arguments.ts'

describe('the command line of the demo', () => {
  it('needs nothing', () => {
    const options = { port: 8787, seed: 1, speed: 1, exit: false }
    expect(parseDemoArguments([])).toEqual({ kind: 'run', options })
  })

  it('takes every option', () => {
    const options = { port: 0, seed: 7, speed: 0.5, exit: true }
    expect(parseDemoArguments('--port 0 --seed=7 --speed 0.5 --exit'.split(' '))).toEqual({ kind: 'run', options })
    expect(parseDemoArguments(['--help'])).toEqual({ kind: 'help' })
  })

  it.each([
    ['--port 65536', '--port cannot be "65536"'],
    ['--port 80.5', '--port cannot be "80.5"'],
    ['--port=', '--port cannot be ""'],
    ['--seed -1', '--seed'],
    ['--speed 0', '--speed cannot be "0"'],
    ['--speed NaN', '--speed cannot be "NaN"'],
    ['--fast', '--fast'],
    ['8787', '8787'],
  ])('refuses %s and says what is wrong', (line, message) => {
    const parsed = parseDemoArguments(line.split(' '))
    expect(parsed).toEqual({ kind: 'invalid', message: expect.stringContaining(message) })
  })
})
