import {
  ceilToInterval,
  countSlots,
  DAY,
  floorToInterval,
  type Interval,
  isInterval,
  type Window,
} from '../../src/domain/interval.ts'
import { recountCoverage } from '../../src/store/chunk.ts'
import type { RunningWorker } from '../harness/worker.ts'

export interface DemoSeries {
  readonly id: number
  readonly exchange: string
  readonly symbol: string
  readonly exchangeSymbol: string
  readonly interval: Interval
  readonly window: Window
}

export interface Slots {
  readonly expected: number
  readonly present: number
  readonly empty: number
  readonly gaps: number
}

const SPAN = 3 * DAY

export class Service {
  readonly #db: RunningWorker['db']

  constructor(worker: RunningWorker) {
    this.#db = worker.db
  }

  async readSeries(): Promise<DemoSeries[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT s.id, i.exchange, i.symbol, i.exchange_symbol AS exchangeSymbol, s.interval, s.recorded_from AS start
         FROM series s JOIN instruments i ON i.id = s.instrument_id ORDER BY s.id`,
      )
      .all<{ id: number; exchange: string; symbol: string; exchangeSymbol: string; interval: string; start: number }>()
    return results.flatMap(({ start, interval, ...rest }) => {
      if (!isInterval(interval)) return []
      const window = { start: ceilToInterval(start, interval), end: floorToInterval(start + SPAN, interval) }
      return [{ ...rest, interval, window }]
    })
  }

  async readSlots({ id, interval, window }: DemoSeries): Promise<Slots> {
    const count = (table: string) =>
      `(SELECT count(*) FROM ${table} WHERE series_id = ?1 AND open_time >= ?2 AND open_time < ?3)`
    const row = await this.#db
      .prepare(`SELECT ${count('candles')} AS present, ${count('empty_slots')} AS empty, ${count('gaps')} AS gaps`)
      .bind(id, window.start, window.end)
      .first<{ present: number; empty: number; gaps: number }>()
    return { expected: countSlots(window, interval), present: 0, empty: 0, gaps: 0, ...row }
  }

  async readCandles({ id, window }: DemoSeries): Promise<{ candles: string[]; empty: number[] }> {
    const { results } = await this.#db
      .prepare('SELECT * FROM candles WHERE series_id = ?1 AND open_time >= ?2 AND open_time < ?3 ORDER BY open_time')
      .bind(id, window.start, window.end)
      .all<Record<string, unknown>>()
    const empty = await this.#db
      .prepare(
        'SELECT open_time AS t FROM empty_slots WHERE series_id = ?1 AND open_time >= ?2 AND open_time < ?3 ORDER BY 1',
      )
      .bind(id, window.start, window.end)
      .all<{ t: number }>()
    return {
      candles: results.map((r) =>
        [r.open_time, r.open, r.high, r.low, r.close, r.volume, r.quote_volume, r.trade_count].join(),
      ),
      empty: empty.results.map(({ t }) => t),
    }
  }

  async isRecountEqual({ id, interval }: DemoSeries): Promise<boolean> {
    const stored = await this.#db
      .prepare('SELECT start_time AS start, end_time AS "end" FROM coverage WHERE series_id = ?1 ORDER BY 1')
      .bind(id)
      .all<Window>()
    return JSON.stringify(stored.results) === JSON.stringify(await recountCoverage(this.#db, id, interval))
  }
}
