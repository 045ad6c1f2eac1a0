import type { RequestId, StreamErrorCode } from '../domain/stream-command.ts'
import type { ClientTopic } from '../domain/topic.ts'
import type { ClientSettings } from './client-queue.ts'

/** What the server says to one client beside data. These are rare: plain JSON. */

/**
 * The topic's messages follow, from `seq` on.
 * @param epoch changes when the feed starts anew, and all `seq` with it
 * @param state whether the very next message is what the topic has come to so far
 */
export function subscribedMessage(id: RequestId, topic: ClientTopic, epoch: string, seq: number, state: boolean) {
  return JSON.stringify({ type: 'subscribed', id, ...describeTopic(topic), epoch, seq, state })
}

export function unsubscribedMessage(id: RequestId, topic: ClientTopic): string {
  return JSON.stringify({ type: 'unsubscribed', id, ...describeTopic(topic) })
}

/** @param arg what was asked for, as it was sent; `null` where the whole command is wrong */
export function errorMessage(id: RequestId, code: StreamErrorCode, detail: string, arg: unknown = null): string {
  return JSON.stringify({ type: 'error', id, code, detail, arg })
}

export function pongMessage(id: RequestId): string {
  return JSON.stringify({ type: 'pong', id })
}

export function pingMessage(id: number): string {
  return `{"type":"ping","id":${id}}`
}

/** From now on messages are merged, because the client does not follow; or no longer. */
export function slowMessage(conflated: boolean, unacknowledgedBytes: number): string {
  return `{"type":"slow","data":{"conflated":${conflated},"unacknowledgedBytes":${unacknowledgedBytes}}}`
}

export function configuredMessage(id: RequestId, settings: ClientSettings): string {
  return JSON.stringify({ type: 'configured', id, ...settings })
}

export function subscriptionsMessage(id: RequestId, topics: readonly ClientTopic[]): string {
  return JSON.stringify({ type: 'subscriptions', id, topics: topics.map(describeTopic) })
}

/** As an arg of `subscribe`: without what the channel does not have. */
export function describeTopic(topic: ClientTopic): object {
  const { channel, exchange, symbol, interval, depth, quotes, threshold, fees } = topic
  return {
    channel,
    exchange,
    ...(symbol === null ? {} : { symbol }),
    ...(interval === null ? {} : { interval }),
    ...(depth === null ? {} : { depth }),
    ...(quotes === undefined ? {} : { quotes }),
    ...(threshold === undefined ? {} : { threshold }),
    ...(fees === undefined ? {} : { fees }),
  }
}
