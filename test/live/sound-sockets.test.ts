import { expect, it } from 'vitest'
import { Play, SECOND } from './session.ts'

/** How long it takes to connect again, s, each time that a socket has lived and had data for so long. */
function waitsAfter(lifeS: number): number[] {
  const played = new Play('okx', { random: () => 0.999 })
  played.demand('trades:okx:BTC-USDT')
  let id = 0
  return Array.from({ length: 5 }, () => {
    played.wait(lifeS * SECOND, () => played.trade('BTC-USDT', ++id))
    played.drop()
    const droppedAt = played.now
    while (played.open.length === 0) played.wait(SECOND)
    return (played.now - droppedAt) / SECOND
  })
}

it('an outage after a minute of sound data is a first one, before that one of a series', () => {
  expect(waitsAfter(60)).toEqual([1, 2, 4, 8, 16])
  expect(waitsAfter(61)).toEqual([1, 1, 1, 1, 1])
})
