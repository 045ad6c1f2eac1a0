import { z } from 'zod'
import type { Report } from './report.ts'
import { median } from './statistics.ts'
import { ASSETS } from './stream-market.ts'
import { BenchProcess } from './stream-process.ts'
import { CpuTimes, socketUrl, startEcho, startFeedWorker, StreamExchange } from './stream-system.ts'

/** The feed and the bare object take turns, the middle one of each counts: other work on the machine hits both. */
const ROUNDS = 3
/** For each turn, whole cycles of the market: some seconds. */
const FRAMES = 150_000
const WARM_UP_FRAMES = 50_000
/** Of 200 frames of an instrument in a cycle. */
const TRADE_SHARE = 0.3
const VIEW_DEPTH = 20

const received = z.object({ lastAt: z.number(), count: z.number() })
const side = z.array(z.tuple([z.string(), z.string()]))
const book = z.object({ sequence: z.int(), bids: side, asks: side })
const books = z.object({ books: z.array(book) })
const report_ = books.extend({ faults: z.array(z.string()) })
