import { type Instrument, type InstrumentKind, instrumentKinds } from '../domain/instrument.ts'
import type { ExchangeConnector, RejectedRecord } from '../exchanges/connector.ts'
import type { ExchangeHttp } from './http.ts'
import type { LoaderStore } from './ports.ts'

/** Bybit pages its list; no exchange has nearly this many pages. */
const MAX_PAGES = 50

/**
 * Reads every kind's list of instruments and takes it in. A kind whose host does not answer keeps what is stored: a
 * list is taken in whole or not at all.
 *
 * @param deadline our clock, ms UTC
 * @returns whether all kinds were read
 */
export async function refreshInstruments(
  deps: { readonly connector: ExchangeConnector; readonly http: ExchangeHttp; readonly store: LoaderStore },
  now: number,
  deadline: number,
): Promise<boolean> {
  let complete = true
  for (const kind of instrumentKinds) {
    if (deps.connector.rest.baseUrl[kind] === undefined) continue
    const list = await readInstruments(deps.connector, deps.http, kind, deadline)
    if (list === undefined) complete = false
    else await deps.store.replaceInstruments(kind, list.instruments, list.rejected, now)
  }
  return complete
}

interface InstrumentList {
  readonly instruments: readonly Instrument[]
  readonly rejected: readonly RejectedRecord[]
}

async function readInstruments(
  { rest }: ExchangeConnector,
  http: ExchangeHttp,
  kind: InstrumentKind,
  deadline: number,
): Promise<InstrumentList | undefined> {
  const instruments: Instrument[] = []
  const rejected: RejectedRecord[] = []
  let cursor: string | undefined
  for (let page = 0; page < MAX_PAGES; page++) {
    const sent = await http.send(rest.instruments(kind, cursor), 'repair', deadline)
    if (sent.kind !== 'answer') return undefined
    instruments.push(...sent.value.instruments.filter((instrument) => !instrument.inverse))
    rejected.push(...sent.value.rejected)
    if (sent.value.nextCursor === null) return { instruments, rejected }
    cursor = sent.value.nextCursor
  }
  return undefined
}
