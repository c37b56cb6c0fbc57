import { invalid } from './errors.ts'

/** Whether limiters decide. Other modules read it as it is now. */
export let enabled = true

/**
 * Turns all limiters of this process off, or on again. Off, each behaves as in `mode: 'off'`: it allows every request.
 * @throws ERR_OPTION_INVALID unless `on` is a boolean
 * @example
 * ```ts
 * import { setEnabled } from '@sluice/core'
 *
 * // An operator stops all limiting without a deployment: kill -USR2 <pid>.
 * process.on('SIGUSR2', () => setEnabled(false))
 * ```
 */
export function setEnabled(on: boolean): void {
  if (typeof on !== 'boolean') throw invalid('setEnabled', 'true or false', on)
  enabled = on
}
