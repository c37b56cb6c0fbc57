import { labelOf } from './define-limit.ts'
import { type Duration, millisOf } from './duration.ts'
import { invalid } from './errors.ts'
import { knownOptions } from './known-options.ts'
import type { GrowingDelay } from './limit.ts'

/** The option `delay` of a window: how long admitted requests wait, before they are refused. */
export interface DelayOptions {
  /** Units that are not delayed: a whole number, 0 or more. The first unit above it waits one step, the next one two. */
  readonly after: number
  /** How much longer each further unit waits: 1 ms to 366 days. */
  readonly step: Duration
  /** The longest delay, 1 ms to 366 days; default `'20s'`, which is shorter than the timeouts of usual proxies. */
  readonly max?: Duration | undefined
}

/** ms */
const DEFAULT_MAX = 20_000

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function checkDelay(options: { readonly name?: unknown; readonly delay?: DelayOptions | undefined }): GrowingDelay | undefined {
  const { delay } = options
  if (delay === undefined) return undefined
  const what = `${labelOf(options)}: delay`
  knownOptions(what, delay, ['after', 'step', 'max'])
  const { after, step, max } = delay
  if (!Number.isSafeInteger(after) || after < 0) throw invalid(`${what}.after`, 'a whole number, 0 or more', after)
  return Object.freeze({
    after,
    step: millisOf(step, `${what}.step`),
    max: max === undefined ? DEFAULT_MAX : millisOf(max, `${what}.max`),
  })
}
