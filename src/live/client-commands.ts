import {
  MAX_COMMAND_CHARACTERS,
  MAX_SUBSCRIPTIONS,
  type RequestId,
  readCommand,
  readTopic,
  type StreamCommand,
  type StreamErrorCode,
} from '../domain/stream-command.ts'
import { topicKey } from '../domain/topic.ts'
import type { ClientHub, HubClient, SubscribeRequest } from './client-hub.ts'
import type { ClientSettings } from './client-queue.ts'
import { configuredMessage, errorMessage, pongMessage, subscriptionsMessage } from './replies.ts'

export interface CommandContext {
  readonly exchanges: readonly string[]
  readonly pathExchange: string | null
  readonly now: number
}

/**
 * Answers what a client sent, as far as the hub alone can.
 * @returns the subscriptions that the owner is to settle
 */
export function answerCommand(
  hub: ClientHub,
  client: HubClient,
  data: string | ArrayBuffer,
  context: CommandContext,
): readonly SubscribeRequest[] {
  const { queue } = client
  const end = (code: StreamErrorCode, detail: string, id: RequestId = null) => {
    queue.append(errorMessage(id, code, detail))
    queue.flush(context.now)
    queue.close(1008, detail)
    return []
  }
  if (typeof data !== 'string') return end('invalid_request', 'commands are text')
  if (data.length > MAX_COMMAND_CHARACTERS && !client.isInternal) return end('payload_too_large', 'over 16 kB')
  const command = readCommand(data)
  const isPong = command.op === 'pong' && queue.ponged(command.id)
  // Each topic that a connection may hold may cost a look into the database.
  const cost = 'args' in command ? Math.min(command.args.length, MAX_SUBSCRIPTIONS) : 1
  // Pongs come as often as there is data: they are free where they answer a ping.
  if (!isPong && !client.isInternal && !client.limit.take(context.now, cost))
    return end('rate_limited', 'too many commands', command.id)
  switch (command.op) {
    case 'invalid':
      return end('invalid_request', command.detail, command.id)
    case 'subscribe':
      return command.args.flatMap((arg) => subscribe(hub, client, command.id ?? null, arg, context))
    case 'unsubscribe':
      for (const arg of command.args) unsubscribe(hub, client, command.id ?? null, arg, context)
      return []
    case 'ping':
      queue.append(pongMessage(command.id ?? null))
      return []
    case 'pong':
      return []
    case 'list':
      queue.append(subscriptionsMessage(command.id ?? null, [...client.topics.values()]))
      return []
    case 'configure': {
      hub.configure(client, configured(queue.settings, command))
      queue.append(configuredMessage(command.id ?? null, queue.settings))
      return []
    }
  }
}

/** The settings after a `configure`: what it leaves out stays. */
export function configured(
  settings: ClientSettings,
  command: Extract<StreamCommand, { readonly op: 'configure' }>,
): ClientSettings {
  const { conflateMs, maxMessagesPerSecond } = command
  return {
    conflateMs: conflateMs === undefined ? settings.conflateMs : conflateMs || null,
    maxMessagesPerSecond: maxMessagesPerSecond === undefined ? settings.maxMessagesPerSecond : maxMessagesPerSecond,
  }
}

function subscribe(
  hub: ClientHub,
  client: HubClient,
  id: RequestId,
  arg: unknown,
  { exchanges, pathExchange }: CommandContext,
): readonly SubscribeRequest[] {
  const reading = readTopic(arg, exchanges, pathExchange)
  if (!reading.ok) {
    client.queue.append(errorMessage(id, reading.code, reading.detail, arg))
    return []
  }
  const { topic } = reading
  if (!client.isInternal && isOneTooMany(client, topicKey(topic))) {
    const detail = `a connection has at most ${MAX_SUBSCRIPTIONS} subscriptions`
    client.queue.append(errorMessage(id, 'too_many_subscriptions', detail, arg))
    return []
  }
  return [hub.request({ client, id, topic, arg })]
}

/** Whether a client has as many other topics as it may, those that it waits for included. */
function isOneTooMany({ topics, requests }: HubClient, key: string): boolean {
  if (topics.has(key) || topics.size + requests.size < MAX_SUBSCRIPTIONS) return false
  const keys = new Set([...topics.keys(), ...Array.from(requests, ({ topic }) => topicKey(topic))])
  return !keys.has(key) && keys.size >= MAX_SUBSCRIPTIONS
}

function unsubscribe(
  hub: ClientHub,
  client: HubClient,
  id: RequestId,
  arg: unknown,
  { exchanges, pathExchange }: CommandContext,
): void {
  const reading = readTopic(arg, exchanges, pathExchange)
  const { code, detail }: { code: StreamErrorCode; detail: string } = reading.ok
    ? { code: 'not_subscribed', detail: 'there is no such subscription' }
    : reading
  if (reading.ok && hub.unsubscribe(client, id, reading.topic)) return
  client.queue.append(errorMessage(id, code, detail, arg))
}
