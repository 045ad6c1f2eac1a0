import type { RequestId, StreamErrorCode } from '../domain/stream-command.ts'
import type { ClientTopic } from '../domain/topic.ts'
import type { ClientQueue, ClientSettings } from './client-queue.ts'
import type { CommandLimit } from './command-limit.ts'

/** One connection. Only the hub and its parts look inside. */
export interface HubClient {
  readonly queue: ClientQueue
  /** A relay: no limits, no conflation. */
  readonly isInternal: boolean
  /** By key. */
  readonly topics: Map<string, ClientTopic>
  readonly requests: Set<SubscribeRequest>
  readonly limit: CommandLimit
}

/** A client wants a topic: to be accepted or refused. */
export interface SubscribeRequest {
  readonly client: HubClient
  /** The client's own; `null` where the hub asks on its behalf. */
  readonly id: RequestId
  /** `symbol` is ours, or an id of zvt (`cryptopair_binance_btcusdt`) which the owner resolves. */
  readonly topic: ClientTopic
  /** What was sent. */
  readonly arg: unknown
  /** Told once, when the request is settled. */
  readonly settled?: ((refusal: TopicRefusal | null) => void) | undefined
}

export interface TopicRefusal {
  readonly code: StreamErrorCode
  readonly detail: string
}

export interface Acceptance {
  /** As asked, with the symbol resolved. */
  readonly topic: ClientTopic
  readonly epoch: string
  /** Of the newest message of the topic, which is the one that `state` describes. */
  readonly seq: number
  /** A message with `seq === prevSeq`; `null` where there is nothing to tell yet, or never (trades). */
  readonly state: string | null
  /** That nothing newer can come, where that still holds: a notice with `seq === prevSeq`. */
  readonly standing?: string | null
}

/** What is kept of a client with its socket. */
export interface ClientAttachment {
  readonly isInternal: boolean
  readonly settings: ClientSettings
  /** Empty for a relay: it connects anew, and there is no limit to its topics. */
  readonly topics: readonly string[]
}
