import type { MaybePromise } from '@sluice/core'
import { type Admission, type HttpOutcome, isPromise, type Pipeline, waitQueueDelay } from '@sluice/core/adapter-kit'
import type { Context } from 'hono'
import { handshakeOf, type MessageEventLike, type MessageSocket, type ReceivedMessage, type SocketEvents } from './message.ts'
import { CLOSE, MessageRefusals, OPEN, type RefusalRules } from './message-refusal.ts'

interface Rules extends RefusalRules {
  readonly decide: Pipeline<ReceivedMessage, unknown>
}

/**
 * Makes the `onMessage` of one connection, which applies the limit first. For each connection it keeps two numbers, and the messages
 * that the store has not decided yet.
 */
export function limitMessages(c: Context, events: SocketEvents, rules: Rules): (event: MessageEventLike, ws: MessageSocket) => void {
  const handshake = handshakeOf(c)
  const refusals = new MessageRefusals(rules)
  let undecided = 0
  let last: Promise<void> = Promise.resolve()

  const apply = (outcome: HttpOutcome, message: ReceivedMessage): unknown => {
    if (!outcome.pass) return refusals.refuse(outcome, message)
    refusals.reset()
    return outcome.delay > 0
      ? waitQueueDelay(outcome.delay, () => undefined).then(() => deliver(outcome, message, events))
      : deliver(outcome, message, events)
  }

  const applyInOrder = async (decided: MaybePromise<HttpOutcome>, before: Promise<void>, message: ReceivedMessage): Promise<void> => {
    try {
      const outcome = await decided
      await before
      void apply(outcome, message)
    } catch (error) {
      fail(error, message.ws, events)
    }
  }

  return (event, ws) => {
    // The runtime may still deliver what was in flight when the connection was closed.
    if (ws.readyState !== OPEN) return
    const message: ReceivedMessage = { c, event, ws, handshake }
    let decided: ReturnType<typeof rules.decide>
    try {
      decided = rules.decide(message)
    } catch (error) {
      fail(error, ws, events)
      return
    }
    if (undecided === 0 && !isPromise(decided)) {
      void apply(decided, message)
      return
    }
    // Messages are delivered in the order of arrival, even if the store answers in another order.
    undecided += 1
    last = applyInOrder(decided, last, message)
      // If the application's `onError` throws, later messages must still be delivered.
      .catch(() => undefined)
      .finally(() => (undecided -= 1))
  }
}

/** Calls `onMessage`, and then settles the message and releases its concurrency. */
function deliver({ done }: Admission, { event, ws }: ReceivedMessage, events: SocketEvents): unknown {
  let result: unknown
  try {
    if (ws.readyState === OPEN) result = events.onMessage?.(event, ws)
  } finally {
    if (!isPromise(result)) void done?.(undefined)
  }
  return isPromise(result) ? result.finally(() => void done?.(undefined)) : result
}

/** Passes an error to `onError` and closes the connection. A thrown error would be unhandled, and end the process on some runtimes. */
function fail(error: unknown, ws: MessageSocket, events: SocketEvents): void {
  events.onError?.(Object.assign(new Event('error'), { error }), ws)
  ws.close(CLOSE.internalError)
}
