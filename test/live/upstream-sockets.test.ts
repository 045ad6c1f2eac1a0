import { afterEach, expect, it, vi } from 'vitest'
import { UpstreamSockets } from '../../durable-objects/upstream-sockets.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

/** Sockets that keep what is told of them; each upgrade is answered with what the test says. */
function open(answer: () => Promise<unknown>) {
  vi.stubGlobal('fetch', answer)
  const told: unknown[][] = []
  const tell =
    (what: string) =>
    (...values: unknown[]) =>
      told.push([what, ...values])
  const [opened, refused, closed, frame] = [tell('opened'), tell('refused'), tell('closed'), tell('frame')]
  return { sockets: new UpstreamSockets({}, { opened, refused, closed, frame }), told }
}

function refusal(status: number, headers: Record<string, string>, cancel = async () => undefined) {
  return async () => ({ status, headers: new Headers(headers), webSocket: null, body: { cancel } })
}

it('an upgrade is refused though the rest of the answer is lost', async () => {
  const cancel = async () => {
    throw new Error('Network connection lost.')
  }
  const { sockets, told } = open(refusal(503, { 'retry-after': '7' }, cancel))
  await sockets.connect(1, 'https://exchange')
  expect(told).toEqual([['refused', 1, 503, 7_000, 'the upgrade was answered with 503']])
})

it('a refusal says when to return, be it by a date', async () => {
  const headers = { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT', date: 'Wed, 21 Oct 2026 07:26:30 GMT' }
  const { sockets, told } = open(refusal(429, headers))
  await sockets.connect(1, 'https://exchange')
  expect(told).toEqual([['refused', 1, 429, 90_000, 'the upgrade was answered with 429']])
})

it('one that is closed while it is being opened is accepted, so that it can be closed', async () => {
  const done: string[] = []
  const webSocket = { accept: () => done.push('accept'), close: () => done.push('close') }
  let answer: (response: unknown) => void = () => undefined
  const { sockets, told } = open(() => new Promise((resolve) => (answer = resolve)))
  const connecting = sockets.connect(1, 'https://exchange')
  sockets.close(1, 'not wanted')
  answer({ status: 101, headers: new Headers(), webSocket, body: null })
  await connecting
  expect(done).toEqual(['accept', 'close'])
  expect(told).toEqual([])
})
