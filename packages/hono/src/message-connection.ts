import { awaitTurn, type Decision, type HttpOutcome, isPromise, type MaybePromise, type Pipeline, systemClock } from '@sluice/core'
import type { Context } from 'hono'
import type { MessageEventLike, MessageLimitOptions, MessageSocket, Opened, Received, SocketEvents } from './message-limit.ts'

interface Rules {
  readonly decide: Pipeline<Received, unknown>
  readonly closeAfter: number
  readonly handler: MessageLimitOptions['handler']
}
type Outcome = HttpOutcome

const OPEN = 1
const CLOSE = { abuse: 1008, failed: 1011, later: 1013 } as const

/** The `onMessage` of one connection, with a limit before it. What it keeps is two numbers and, while a store is asked, what waits for it. */
export function limitMessages(
  c: Context,
  opened: Opened,
  events: SocketEvents,
  { decide, closeAfter, handler }: Rules,
): (event: MessageEventLike, ws: MessageSocket) => void {
  let refusals = 0
  let toldUntil = 0
  let waiting = 0
  let last: Promise<void> = Promise.resolve()

  const failed = (error: unknown, ws: MessageSocket): void => {
    // A runtime hears of no promise here, and would end the process over one that nobody handles.
    events.onError?.(Object.assign(new Event('error'), { error }), ws)
    ws.close(CLOSE.failed)
  }

  const apply = (outcome: Outcome, message: Received): unknown => {
    const { ws } = message
    if (!outcome.pass) return refuse(outcome, message)
    refusals = 0
    toldUntil = 0
    const { delay, done } = outcome
    const pass = (): unknown => {
      let result: unknown
      try {
        if (ws.readyState === OPEN) result = events.onMessage?.(message.event, ws)
      } finally {
        if (!isPromise(result)) void done?.(undefined)
      }
      return isPromise(result) ? result.finally(() => void done?.(undefined)) : result
    }
    return delay > 0 ? awaitTurn(delay, () => undefined).then(pass) : pass()
  }

  const refuse = ({ decision, body }: Outcome & { readonly pass: false }, message: Received): unknown => {
    const { ws } = message
    if (ws.readyState !== OPEN) return undefined
    refusals += 1
    if (refusals >= closeAfter) {
      const later = decision?.verdict === 'unavailable'
      ws.close(later ? CLOSE.later : CLOSE.abuse, `${later ? 'Messages cannot be counted' : 'Too many messages'}${comeBack(decision)}`)
      return undefined
    }
    if (handler !== undefined && decision !== undefined) return handler(message, decision)
    // An answer to each would make of a flood in a flood out, kept in memory if its client does not read.
    const now = systemClock.monotonic()
    if (now < toldUntil) return undefined
    toldUntil = now + (decision?.retryAfter ?? Infinity)
    ws.send(body)
    return undefined
  }

  const inTurn = async (decided: MaybePromise<Outcome>, before: Promise<void>, message: Received): Promise<void> => {
    try {
      const outcome = await decided
      await before
      void apply(outcome, message)
    } catch (error) {
      failed(error, message.ws)
    }
  }

  return (event, ws) => {
    // What was under way when the connection was closed.
    if (ws.readyState !== OPEN) return
    const message: Received = { c, event, ws, opened }
    let decided: ReturnType<typeof decide>
    try {
      decided = decide(message)
    } catch (error) {
      failed(error, ws)
      return
    }
    if (waiting === 0 && !isPromise(decided)) {
      void apply(decided, message)
      return
    }
    // In the order in which they came, whatever the store answers first.
    waiting += 1
    last = inTurn(decided, last, message)
      // Of an `onError` that throws itself.
      .catch(() => undefined)
      .finally(() => (waiting -= 1))
  }
}

/** For the reason of a close, which has room for 123 bytes. */
function comeBack(decision: Decision | undefined): string {
  const wait = decision?.retryAfter ?? Infinity
  return wait === Infinity ? '' : `; retry in ${Math.max(1, Math.ceil(wait / 1_000))} s`
}
