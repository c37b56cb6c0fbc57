import { systemClock } from '@sluice/core'
import { keptAlive } from '@sluice/core/adapter-kit'

/** Resolves after `ms`. It keeps the process. */
export function sleep(ms: number): Promise<void> {
  return ms === 0 ? Promise.resolve() : keptAlive(new Promise((resolve) => void systemClock.after(ms, resolve)))
}
