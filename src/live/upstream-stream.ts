import type { StreamName } from '../exchanges/stream.ts'
import type { MarketTopic } from './market-topic.ts'
import { TopicPace } from './topic-pace.ts'
import type { UpstreamSocket } from './upstream-socket.ts'

/** One of the exchange's own streams, as long as a topic needs it. */
export class UpstreamStream {
  readonly endpoint: string
  readonly name: string
  readonly topics = new Set<MarketTopic>()
  readonly pace: TopicPace
  /** `requested` until the exchange acknowledges it or sends its data. */
  state: 'wanted' | 'requested' | 'live' | 'rejected' = 'wanted'
  /** Carries it now. */
  socket: UpstreamSocket | null = null
  /** Will carry it, once it has been heard there: while a socket is rotated. */
  successor: UpstreamSocket | null = null
  rejection: string | null = null
  rejectedAt = 0
  /** How often it was subscribed again since it last gave data. */
  retries = 0

  constructor({ endpoint, name }: StreamName, now: number) {
    this.endpoint = endpoint
    this.name = name
    this.pace = new TopicPace(now)
  }

  /** Unique within the exchange. */
  get key(): string {
    return streamKey(this)
  }

  /** Data has come on a socket. */
  data(now: number, socket: UpstreamSocket): void {
    this.pace.data(now)
    this.retries = 0
    if (this.state !== 'live') this.state = 'live'
    if (this.successor === socket) this.moveTo(socket)
  }

  moveTo(socket: UpstreamSocket): void {
    this.socket?.streams.delete(this)
    this.socket = socket
    this.successor = null
  }
}

export function streamKey({ endpoint, name }: StreamName): string {
  return `${endpoint}/${name}`
}
