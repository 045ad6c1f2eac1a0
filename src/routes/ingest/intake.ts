import type { Clock } from '../../domain/clock.ts'
import {
  type BatchMark,
  type IngestDefaults,
  type IngestFault,
  type IngestKind,
  type InstrumentRecords,
  isFault,
  type Named,
  type Written,
} from '../../domain/ingest.ts'
import { settleMsOf } from '../../exchanges/registry.ts'
import type { Reader } from '../../store/sessions.ts'
import type { Targets } from './targets.ts'
import { Unreadable } from './unreadable.ts'

/**
 * Stores the sound records of one batch, of one database, in one transaction.
 *
 * @param groups one record a slot
 */
export type WriteBatch<R> = (db: Reader, groups: readonly InstrumentRecords<R>[], mark: BatchMark) => Promise<Written>

export interface IntakePorts {
  readonly targets: Targets
  readonly sessionOf: (db: D1Database) => Reader
  readonly clock: Clock
  readonly newId: () => string
}

/** A refused record: where it stands among those of its batch. */
export interface Refused {
  readonly place: number
  readonly fault: IngestFault
}

/** A batch whose records are judged, and which is not stored yet. */
export interface JudgedBatch<R> {
  readonly size: number
  readonly groups: ReadonlyMap<D1Database, readonly InstrumentRecords<R>[]>
  /** Records that say again what another of the batch says. */
  readonly repeated: number
  /** In the order of the batch. */
  readonly refused: readonly Refused[]
}

const CONFLICTING: IngestFault = {
  reason: 'conflicting_duplicate',
  path: '',
  message: 'another record of this batch is about the same, and says something else',
}

/** Judges and stores what one request sends, batch by batch. */
export class Intake<R extends Named> {
  readonly #kind: IngestKind<R>
  readonly #write: WriteBatch<R>
  readonly #source: string
  readonly #defaults: IngestDefaults
  readonly #ports: IntakePorts

  constructor(
    kind: IngestKind<R>,
    write: WriteBatch<R>,
    given: { readonly source: string; readonly defaults: IngestDefaults },
    ports: IntakePorts,
  ) {
    this.#kind = kind
    this.#write = write
    this.#source = given.source
    this.#defaults = given.defaults
    this.#ports = ports
  }

  /** @param values parsed records, or why they are none */
  async judge(values: readonly unknown[]): Promise<JudgedBatch<R>> {
    const { targets, clock } = this.#ports
    const context = { defaults: this.#defaults, now: clock.now(), settleMsOf }
    const readings = values.map((value) =>
      value instanceof Unreadable ? value.fault : this.#kind.read(value, context),
    )
    const records = readings.filter((reading): reading is R => !isFault(reading))
    targets.trim()
    await targets.learn(records)
    return this.#sort(readings)
  }

  /** Stores what is sound of a batch: one transaction a database. */
  async store({ groups, repeated }: JudgedBatch<R>): Promise<Written> {
    const { clock, newId, sessionOf } = this.#ports
    const mark = { source: this.#source, batchId: newId(), receivedTime: clock.now() }
    let total: Written = { accepted: 0, unchanged: repeated, revised: 0 }
    for (const [db, ofDatabase] of groups) {
      const { accepted, unchanged, revised } = await this.#write(sessionOf(db), ofDatabase, mark)
      total = {
        accepted: total.accepted + accepted,
        unchanged: total.unchanged + unchanged,
        revised: total.revised + revised,
      }
    }
    return total
  }

  #sort(readings: readonly (R | IngestFault)[]): JudgedBatch<R> {
    const slots = new Slots(this.#kind)
    const refused: Refused[] = []
    let place = -1
    for (const reading of readings) {
      place++
      if (isFault(reading)) {
        refused.push({ place, fault: reading })
        continue
      }
      const target = this.#ports.targets.find(reading)
      if (target === undefined) throw new Error('a name was not looked up')
      if (isFault(target)) refused.push({ place, fault: target })
      else slots.add(target.db, target.instrumentId, reading, place)
    }
    const { groups, repeated, conflicting } = slots.sorted()
    for (const place of conflicting) refused.push({ place, fault: CONFLICTING })
    refused.sort((a, b) => a.place - b.place)
    return { size: readings.length, groups, repeated, refused }
  }
}

/** What is said of one slot of one instrument. */
interface SlotEntry<R> {
  readonly record: R
  readonly place: number
  isConflicting: boolean
}

/** The records of a batch by what they are about. */
class Slots<R extends Named> {
  readonly #kind: IngestKind<R>
  readonly #slots = new Map<D1Database, Map<number, Map<string | number, SlotEntry<R>>>>()
  /** Records that say again what another says, by their places. */
  readonly #repeats = new Map<number, SlotEntry<R>>()
  readonly #conflicting: number[] = []

  constructor(kind: IngestKind<R>) {
    this.#kind = kind
  }

  add(db: D1Database, instrumentId: number, record: R, place: number): void {
    const ofInstrument = this.#slotsOf(db, instrumentId)
    const slot = this.#kind.slotOf(record)
    const twin = ofInstrument.get(slot)
    if (twin === undefined) ofInstrument.set(slot, { record, place, isConflicting: false })
    else if (twin.isConflicting) this.#conflicting.push(place)
    else if (this.#kind.isSame(twin.record, record)) {
      this.#repeats.set(place, twin)
    } else {
      twin.isConflicting = true
      this.#conflicting.push(twin.place, place)
    }
  }

  /** What has become of all that was added. */
  sorted(): Pick<JudgedBatch<R>, 'groups' | 'repeated'> & { readonly conflicting: readonly number[] } {
    // What repeats one side of a conflict is as doubtful as that.
    const doubtful = [...this.#repeats].filter(([, { isConflicting }]) => isConflicting).map(([place]) => place)
    return {
      groups: this.#groups(),
      repeated: this.#repeats.size - doubtful.length,
      conflicting: [...this.#conflicting, ...doubtful],
    }
  }

  #groups(): ReadonlyMap<D1Database, InstrumentRecords<R>[]> {
    const groups = new Map<D1Database, InstrumentRecords<R>[]>()
    for (const [db, instruments] of this.#slots) {
      const ofDatabase: InstrumentRecords<R>[] = []
      for (const [instrumentId, slots] of instruments) {
        const records: R[] = []
        for (const { record, isConflicting } of slots.values()) if (!isConflicting) records.push(record)
        if (records.length > 0) ofDatabase.push({ instrumentId, records })
      }
      if (ofDatabase.length > 0) groups.set(db, ofDatabase)
    }
    return groups
  }

  #slotsOf(db: D1Database, instrumentId: number): Map<string | number, SlotEntry<R>> {
    const instruments = this.#slots.get(db) ?? new Map<number, Map<string | number, SlotEntry<R>>>()
    this.#slots.set(db, instruments)
    const slots = instruments.get(instrumentId) ?? new Map<string | number, SlotEntry<R>>()
    instruments.set(instrumentId, slots)
    return slots
  }
}
