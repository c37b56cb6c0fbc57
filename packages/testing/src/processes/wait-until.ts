/// <reference types="node" />
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_INTERVAL = 20

/**
 * Polls until the condition holds. A condition that throws does not hold yet. Rejects after `timeout` ms.
 *
 * @param what completes "Waited … ms for", such as `the replica to be in sync`
 */
export async function waitUntil(what: string, condition: () => boolean | Promise<boolean>, timeout = 30_000): Promise<void> {
  // A signal and not a timer, since a test may have replaced the timers.
  const deadline = AbortSignal.timeout(timeout)
  let cause: unknown
  for (;;) {
    const isLast = deadline.aborted
    try {
      if (await condition()) return
      cause = undefined
    } catch (error) {
      cause = error
    }
    if (isLast) throw new Error(`Waited ${timeout} ms for ${what}${cause instanceof Error ? `: ${cause.message}` : ''}`, { cause })
    await sleep(POLL_INTERVAL)
  }
}
