import { expect, it } from 'vitest'
import { ClientQueue, NO_LIMITS } from '../../src/live/client-queue.ts'
import { FlushPace } from '../../src/live/flush-pace.ts'

function createQueue() {
  const frames: string[] = []
  const socket = { send: (text: string) => void frames.push(text), close: () => undefined }
  const context = { pace: new FlushPace(1), timeScale: 1, random: () => 0.5, stateOf: () => undefined }
  return { frames, queue: new ClientQueue(socket, context, NO_LIMITS, false, 0) }
}

/** As many characters of JSON. */
const text = (characters: number): string => `"${'x'.repeat(characters - 2)}"`

it('sends a frame at once when it has grown to 64 kB, not before', () => {
  const { frames, queue } = createQueue()
  queue.push(text(65_535), 'key')
  expect(frames).toHaveLength(0)
  queue.push('1', 'key')
  expect(frames.map((frame) => frame.length)).toEqual([65_535 + ',1[]'.length])
  queue.push(text(65_536), 'key')
  expect(frames).toHaveLength(2)
})

it('sends a frame at once when it has 100 messages, not before', () => {
  const { frames, queue } = createQueue()
  for (let count = 0; count < 99; count++) queue.push('1', 'key')
  expect(frames).toHaveLength(0)
  queue.push('1', 'key')
  expect(frames).toHaveLength(1)
})
