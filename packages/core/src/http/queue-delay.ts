import { systemClock } from '../clock.ts'

/** Waits for the delay of a queued request. Resolves with `false` as soon as the client leaves: then the handler must not run. */
export function waitQueueDelay(delay: number, whenGone: (gone: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = systemClock.after(delay, () => resolve(true))
    whenGone(() => {
      cancel()
      resolve(false)
    })
  })
}
