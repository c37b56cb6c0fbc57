import { systemClock } from '../clock.ts'

/** Waits for a queued request's turn. `false` as soon as `whenGone` tells that the client is gone: then its handler must not run. */
export function awaitTurn(delay: number, whenGone: (gone: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = systemClock.after(delay, () => resolve(true))
    whenGone(() => {
      cancel()
      resolve(false)
    })
  })
}
