import { z } from 'zod'
import type { Report } from './report.ts'
import { median } from './statistics.ts'
import { ASSETS, FULL_MIX } from './stream-market.ts'
import { BenchProcess, CpuTimes, cpuSeconds } from './stream-process.ts'
import {
  type MeasuredWorker,
  readFeedStatus,
  StreamExchange,
  socketUrl,
  startEcho,
  startFeedWorker,
} from './stream-system.ts'

/** The feed and the bare object take turns, the middle one of each counts: other work on the machine hits both. */
const ROUNDS = 5
/**
 * Frames that are sent at once, a whole cycle of the market; the next follow when the client has all that came of them.
 * Without the pause the runtime would read nothing but the exchange's socket, for that always has more, and so would
 * never learn that the client reads. The last frame of a cycle is a trade, which reaches the client as it is.
 */
const SLICE = 10_000
const [SLICES, WARM_UP_SLICES] = [12, 6]
const FIRST_PER_SECOND = 5_000
const TRADE_SHARE = FULL_MIX.trades / (FULL_MIX.depth + FULL_MIX.trades + FULL_MIX.bbo)
const VIEW_DEPTH = 20
const DEEP = 200
/** What is asked of it, and what it is to come to: frames a second. */
const MOST = [
  { name: 'must', value: 20_000 },
  { name: 'aim', value: 40_000 },
]

const received = z.object({ takenAt: z.number() })
const side = z.array(z.tuple([z.string(), z.string()]))
const book = z.object({ sequence: z.int(), bids: side, asks: side })
const books = z.array(book)

/**
 * How many frames a second one feed takes in, and a bare object that does nothing but parse and pass on. The clock of both
 * runs from when the exchange writes the first frame of a slice to when the last one is taken in, by the clock of who takes
 * it: a frame is only taken in when all before it are dealt with. When it comes to the client is no part of that, for the
 * feed sends at intervals that follow its load, and the bare object when a batch is full; `latency` measures it.
 *
 * @throws where a book differs from the exchange's own, or anything was missed or started anew
 */
export async function measureUpstream(report: Report): Promise<void> {
  const [feed, echo] = [await openFeed(), await openEcho()]
  try {
    const [ours, theirs]: [Rates[], Rates[]] = [[], []]
    await feed.take(WARM_UP_SLICES)
    await echo.take(WARM_UP_SLICES)
    const [cpu, bareCpu] = [feed.cpu(), echo.cpu()]
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await feed.take(SLICES))
      theirs.push(await echo.take(SLICES))
    }
    cpu.report(report, 'upstream')
    bareCpu.report(report, 'echo')
    await checkFeed(feed)
    const unit = 'frames/s'
    const middle = (rates: readonly Rates[], of: keyof Rates) => median(rates.map((rate) => rate[of]))
    report({
      case: 'upstream',
      value: middle(ours, 'perSecond'),
      unit,
      against: { name: 'echo', value: middle(theirs, 'perSecond') },
    })
    for (const against of MOST) report({ case: 'upstream', value: middle(ours, 'perSecond'), unit, against })
    report({
      case: 'upstream per cpu second',
      value: middle(ours, 'perCpuSecond'),
      unit,
      against: { name: 'echo', value: middle(theirs, 'perCpuSecond') },
    })
  } finally {
    await feed.stop()
    await echo.stop()
  }
}

/** Frames by the clock, and by the CPU time of the worker: that one hardly depends on what else the machine does. */
interface Rates {
  readonly perSecond: number
  readonly perCpuSecond: number
}

/** An exchange, what takes its stream in, and the client behind that. */
interface Line {
  readonly exchange: StreamExchange
  readonly worker: MeasuredWorker
  readonly client: BenchProcess
  /** Sends so many slices, each when the client has the one before. */
  take(slices: number): Promise<Rates>
  cpu(): CpuTimes
  stop(): Promise<void>
}

async function openFeed(): Promise<Line> {
  const exchange = await StreamExchange.start('full')
  const args = ASSETS.flatMap((asset) => {
    const of = { exchange: 'binance', symbol: `${asset}-USDT` }
    return [
      { channel: 'book', ...of, depth: VIEW_DEPTH },
      { channel: 'trades', ...of },
      { channel: 'bbo', ...of },
    ]
  })
  const line = await openLine(exchange, await startFeedWorker(exchange, {}), '/v1/stream/binance', args, TRADE_SHARE)
  // At full speed the exchange would be ahead of every snapshot that it is asked for.
  await exchange.send(SLICE, FIRST_PER_SECOND)
  await line.client.ask(z.object({}), { ask: 'await-books' })
  return line
}

async function openEcho(): Promise<Line> {
  const exchange = await StreamExchange.start('full')
  return openLine(exchange, await startEcho(), `/?upstream=${exchange.url}/stream`, [], 1)
}

/** @param share how many messages for the client count of a frame */
async function openLine(
  exchange: StreamExchange,
  worker: MeasuredWorker,
  path: string,
  args: readonly object[],
  share: number,
): Promise<Line> {
  const client = new BenchProcess('./stream-follower.ts')
  await client.ask(z.object({}), { ask: 'open', url: socketUrl(worker, path), args })
  return {
    exchange,
    worker,
    client,
    take: async (slices) => {
      let takenMs = 0
      const cpuBefore = cpuSeconds(worker.pid)
      for (let slice = 0; slice < slices; slice++) {
        const { startedAt } = await exchange.send(SLICE, null)
        const count = Math.round(exchange.sent * share)
        takenMs += (await client.ask(received, { ask: 'await', count })).takenAt - startedAt
      }
      const frames = slices * SLICE
      return { perSecond: (frames / takenMs) * 1_000, perCpuSecond: frames / (cpuSeconds(worker.pid) - cpuBefore) }
    },
    cpu: () => new CpuTimes({ exchange: exchange.pid, worker: worker.pid, client: client.pid }),
    stop: async () => {
      client.stop()
      await worker.stop()
      exchange.stop()
    },
  }
}

/** The books of the client and of the feed are the exchange's own, and nothing was ever wrong. */
async function checkFeed({ exchange, worker, client }: Line): Promise<void> {
  // A frame more than the last trade needs: best prices and changes of books behind it are on their way.
  await new Promise((resolve) => setTimeout(resolve, 500))
  const { books: truth } = await exchange.books(z.object({ books }), DEEP)
  const shown = await client.ask(z.object({ books, faults: z.array(z.string()) }), { ask: 'report' })
  if (shown.faults.length > 0) throw new Error(`the client was told ${shown.faults.slice(0, 3).join('; ')}`)
  // All at once: while one after the other has its deeper snapshot, the exchange is silent for too long.
  const read = await Promise.all(
    truth.map((_, index) =>
      readBook(new URL(`/v1/order-books/binance/${ASSETS[index]}-USDT?depth=${DEEP}`, worker.url.href)),
    ),
  )
  for (const [index, right] of truth.entries()) {
    const asset = ASSETS[index]
    expectEqual(`the client's ${asset}`, shown.books[index], topOf(right, VIEW_DEPTH))
    expectEqual(`the feed's ${asset}`, read[index], topOf(right, DEEP))
  }
  const { resyncs, gaps, reconnects, invalidFrames } = await readFeedStatus(worker)
  if (resyncs + gaps + reconnects + invalidFrames > 0) {
    throw new Error(
      `the feed counts ${resyncs} resyncs, ${gaps} gaps, ${reconnects} reconnects, ${invalidFrames} bad frames`,
    )
  }
}

type Book = z.infer<typeof book>

async function readBook(url: URL): Promise<Book> {
  const response = await fetch(url)
  return book.parse(await response.json())
}

/** In the spelling of the worker, which knows no needless zeros. */
function topOf({ sequence, bids, asks }: Book, depth: number): Book {
  const top = (levels: Book['bids']) =>
    levels.slice(0, depth).map(([price, size]): [string, string] => [String(Number(price)), String(Number(size))])
  return { sequence, bids: top(bids), asks: top(asks) }
}

function expectEqual(what: string, is: Book | undefined, should: Book): void {
  if (JSON.stringify(is) === JSON.stringify(should)) return
  throw new Error(`${what} is at ${is?.sequence}, the exchange's at ${should.sequence}, and they differ`)
}
