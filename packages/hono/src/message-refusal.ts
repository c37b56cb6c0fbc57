import { type Decision, systemClock } from '@sluice/core'
import type { HttpOutcome } from '@sluice/core/adapter-kit'
import { CLOSE, type ReceivedMessage } from './message.ts'
import type { MessageLimitOptions } from './message-options.ts'

type Refusal = Extract<HttpOutcome, { pass: false }>

/** What happens to refused messages, from the options. */
export interface RefusalRules {
  readonly closeAfter: number
  readonly handler: MessageLimitOptions['handler']
}

/** The `readyState` of an open connection. */
export const OPEN = 1

/** Answers the refused messages of one connection: notifies the client once per wait, and closes after too many refusals in a row. */
export class MessageRefusals {
  private readonly rules: RefusalRules
  private inARow = 0
  /** ms, monotonic: until this time, the client has been notified that it must wait. */
  private notifiedUntil = 0

  constructor(rules: RefusalRules) {
    this.rules = rules
  }

  /** An admitted message ends the row of refusals. */
  reset(): void {
    this.inARow = 0
    this.notifiedUntil = 0
  }

  refuse({ decision, body, status }: Refusal, message: ReceivedMessage): unknown {
    const { ws } = message
    if (ws.readyState !== OPEN) return undefined
    this.inARow += 1
    const { closeAfter, handler } = this.rules
    if (this.inARow >= closeAfter) {
      close(message, decision)
      return undefined
    }
    if (handler !== undefined && decision !== undefined) return handler(message, { decision, status })
    // One answer per refused message would double a flood, and pile up in memory if the client does not read.
    const now = systemClock.monotonic()
    if (now < this.notifiedUntil) return undefined
    this.notifiedUntil = now + (decision?.retryAfter ?? Infinity)
    ws.send(body)
    return undefined
  }
}

function close({ ws }: ReceivedMessage, decision: Decision | undefined): void {
  const isUnavailable = decision?.verdict === 'unavailable'
  const refused = decision?.verdict === 'blocked' ? 'Messages are blocked for a time' : 'Too many messages'
  const text = isUnavailable ? 'Messages cannot be counted' : refused
  ws.close(isUnavailable ? CLOSE.tryAgainLater : CLOSE.policyViolation, text + retryText(decision))
}

/** Short, because the reason of a close has at most 123 bytes. */
function retryText(decision: Decision | undefined): string {
  const wait = decision?.retryAfter ?? Infinity
  return wait === Infinity ? '' : `; retry in ${Math.max(1, Math.ceil(wait / 1_000))} s`
}
