/// <reference types="node" />
import { setTimeout as wait } from 'node:timers/promises'

/** Asks again until the answer is yes; a check that throws says no. A signal tells the time, as no fake timer of a test can stop it. */
export async function until(what: string, check: () => boolean | Promise<boolean>, within = 30_000): Promise<void> {
  const deadline = AbortSignal.timeout(within)
  let cause: unknown
  for (;;) {
    const last = deadline.aborted
    try {
      if (await check()) return
      cause = undefined
    } catch (error) {
      cause = error
    }
    if (last) throw new Error(`Waited ${within} ms for ${what}${cause instanceof Error ? `: ${cause.message}` : ''}`, { cause })
    await wait(20)
  }
}
