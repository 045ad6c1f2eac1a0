import {
  type InvalidCommand,
  MAX_COMMAND_CHARACTERS,
  MAX_SUBSCRIPTIONS,
  type RequestId,
  readCommand,
  readTopic,
  type StreamCommand,
  type StreamErrorCode,
} from '../domain/stream-command.ts'
import { topicKey } from '../domain/topic.ts'
import type { ClientHub } from './client-hub.ts'
import type { ClientSettings } from './client-queue.ts'
import type { HubClient, SubscribeRequest } from './hub-client.ts'
import { configuredMessage, errorMessage, pongMessage, subscriptionsMessage } from './replies.ts'

/** Subscriptions that a client may wait for, the same ones again and again included. */
const MOST_UNANSWERED = 2 * MAX_SUBSCRIPTIONS
/** So much of the answer to `list` counts as a command, characters: more than any other command is answered with. */
const LIST_CHARACTERS = 1_024

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
  const listing = command.op === 'list' ? subscriptionsMessage(command.id ?? null, [...client.topics.values()]) : ''
  // Pongs come as often as there is data: they are free where they answer a ping.
  if (!isPong && !client.isInternal && !client.limit.take(context.now, costOf(command, listing)))
    return end('rate_limited', 'too many commands', command.id)
  switch (command.op) {
    case 'invalid':
      return end('invalid_request', command.detail, command.id)
    case 'subscribe': {
      if (!client.isInternal && client.requests.size > MOST_UNANSWERED)
        return end('rate_limited', `${MOST_UNANSWERED} subscriptions wait to be answered`, command.id)
      const named = new Set<string>()
      return command.args.flatMap((arg) => subscribe(hub, client, command.id ?? null, arg, context, named))
    }
    case 'unsubscribe':
      for (const arg of command.args) unsubscribe(hub, client, command.id ?? null, arg, context)
      return []
    case 'ping':
      queue.append(pongMessage(command.id ?? null))
      return []
    case 'pong':
      return []
    case 'list':
      queue.append(listing)
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

/**
 * What a command costs of those that a client may send.
 * @param listing what `list` is answered
 */
function costOf(command: StreamCommand | InvalidCommand, listing: string): number {
  if (command.op === 'list') return Math.ceil(listing.length / LIST_CHARACTERS)
  // Each topic that a connection may hold may cost a look into the database.
  return 'args' in command ? Math.min(command.args.length, MAX_SUBSCRIPTIONS) : 1
}

/** @param named the topics that the command has named before: one is answered once, however often it is named */
function subscribe(
  hub: ClientHub,
  client: HubClient,
  id: RequestId,
  arg: unknown,
  { exchanges, pathExchange }: CommandContext,
  named: Set<string>,
): readonly SubscribeRequest[] {
  const reading = readTopic(arg, exchanges, pathExchange)
  if (!reading.ok) {
    client.queue.append(errorMessage(id, reading.code, reading.detail, arg))
    return []
  }
  const { topic } = reading
  const key = topicKey(topic)
  if (named.has(key)) return []
  named.add(key)
  if (!client.isInternal && isOneTooMany(client, key)) {
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
