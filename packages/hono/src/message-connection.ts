import type { MaybePromise } from '@sluice/core'
import { type Admission, type HttpOutcome, isPromise, type Pipeline, type Refusal, waitQueueDelay } from '@sluice/core/adapter-kit'
import type { Context } from 'hono'
import { CLOSE, handshakeOf, type MessageEventLike, type MessageSocket, type ReceivedMessage, type SocketEvents } from './message.ts'
import type { MessageEnd } from './message-options.ts'
import { MessageRefusals, OPEN, type RefusalRules } from './message-refusal.ts'

interface Rules extends RefusalRules {
  readonly decide: Pipeline<ReceivedMessage, MessageEnd>
}

/** The handlers of one connection that a limit needs. */
interface LimitedEvents {
  onMessage(event: MessageEventLike, ws: MessageSocket): void
  /** Releases what messages hold whose handlers are still running. */
  onClose(event: unknown, ws: MessageSocket): unknown
}

/**
 * Makes the handlers of one connection. `onMessage` applies the limit first. For each connection, they keep two numbers, the messages that
 * the store has not decided yet, and those whose handlers are running.
 */
export function limitMessages(c: Context, events: SocketEvents, rules: Rules): LimitedEvents {
  const handshake = handshakeOf(c)
  const refusals = new MessageRefusals(rules)
  let undecided = 0
  let last: Promise<void> = Promise.resolve()
  const running = new Set<() => void>()

  const refuse = async (refusal: Refusal, message: ReceivedMessage): Promise<void> => {
    try {
      await refusals.refuse(refusal, message)
    } catch (error) {
      // The option `handler` has failed. A rejection that nobody handles would end the process.
      fail(error, message.ws, events)
    }
  }

  const apply = (outcome: HttpOutcome<MessageEnd>, message: ReceivedMessage): unknown => {
    if (!outcome.pass) return refuse(outcome, message)
    refusals.reset()
    return outcome.delay > 0
      ? waitQueueDelay(outcome.delay, () => undefined).then(() => deliver(outcome, message, events, running))
      : deliver(outcome, message, events, running)
  }

  const applyInOrder = async (
    decided: MaybePromise<HttpOutcome<MessageEnd>>,
    before: Promise<void>,
    message: ReceivedMessage,
  ): Promise<void> => {
    try {
      const outcome = await decided
      await before
      void apply(outcome, message)
    } catch (error) {
      fail(error, message.ws, events)
    }
  }

  const onMessage = (event: MessageEventLike, ws: MessageSocket): void => {
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
  const onClose = (event: unknown, ws: MessageSocket): unknown => {
    for (const release of running) release()
    return events.onClose?.(event, ws)
  }
  return { onMessage, onClose }
}

/**
 * Calls `onMessage`, and then refunds or settles the message and releases its concurrency. If the connection closes before that, the
 * message is released, and its charge stands.
 */
function deliver({ done }: Admission<MessageEnd>, { event, ws }: ReceivedMessage, events: SocketEvents, running: Set<() => void>): unknown {
  // Nobody handles the message: its charge stands.
  if (ws.readyState !== OPEN) return void done?.(undefined)
  const end = (result: unknown, error: unknown): unknown => void done?.(HANDLED, { result, error })
  let result: unknown
  try {
    result = events.onMessage?.(event, ws)
  } catch (error) {
    end(undefined, error)
    throw error
  }
  if (!isPromise(result)) {
    end(result, undefined)
    return result
  }
  const release = () => void done?.(undefined)
  running.add(release)
  return result.then(
    (late) => {
      running.delete(release)
      end(late, undefined)
      return late
    },
    (error: unknown) => {
      running.delete(release)
      end(undefined, error)
      throw error
    },
  )
}

/** The pipeline needs a status of what has ended. A message has none, so no option shows it. */
const HANDLED = 0

/** Passes an error to `onError` and closes the connection. A thrown error would be unhandled, and end the process on some runtimes. */
function fail(error: unknown, ws: MessageSocket, events: SocketEvents): void {
  events.onError?.(Object.assign(new Event('error'), { error }), ws)
  ws.close(CLOSE.internalError)
}
