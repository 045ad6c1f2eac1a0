import { describe, expect, it } from 'vitest'
import { parseTime } from '../../src/domain/time.ts'
import { timeParam } from '../../src/routes/params.ts'

describe('parseTime', () => {
  it.each([
    ['0', 0],
    ['1767225600000', Date.UTC(2026, 0, 1)],
    ['2026-01-01', Date.UTC(2026, 0, 1)],
    ['2026-01-01T12:30', Date.UTC(2026, 0, 1, 12, 30)],
    ['2026-01-01T12:30:15.5Z', Date.UTC(2026, 0, 1, 12, 30, 15, 500)],
    ['2026-01-01T12:30:00 02:00', Date.UTC(2026, 0, 1, 10, 30)],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
  ])('reads %s', (text, time) => {
    expect(parseTime(text)).toBe(time)
  })

  it.each(['', 'NaN', '-1', '1e12', '2026-02-30', '2026-13-01', '2026-01-01T25:00', '3000-01-01', '01/02/2026'])(
    'refuses %s',
    (text) => {
      expect(parseTime(text)).toBeUndefined()
    },
  )
})

describe('timeParam', () => {
  it('refuses seconds, which as milliseconds would be a day of 1970', () => {
    expect(timeParam.safeParse('1767225600').error?.issues[0]?.message).toContain('seconds')
    expect(timeParam.parse('1767225600000')).toBe(1_767_225_600_000)
  })
})
