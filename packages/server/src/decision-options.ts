import { type Duration, SluiceError } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/adapter-kit'
import { millisOf } from '@sluice/core/store-kit'

/**
 * How decisions are sealed.
 * @example
 * ```ts
 * import { serve } from '@sluice/server'
 *
 * // Every process that has this secret settles the decisions of all others.
 * await serve({ decisions: { secret: process.env['SLUICE_SECRET'] } })
 * ```
 */
export interface DecisionOptions {
  /** At least 32 characters, the same in all processes. Default: a random one, so that only the process that decided can settle. */
  readonly secret?: string | undefined
  /** The secret before this one: decisions that were sealed by it are still taken. Default: none. */
  readonly previousSecret?: string | undefined
  /** For how long a decision can be settled: 1 s to 1 day. Default: 10 minutes. */
  readonly lifetime?: Duration | undefined
}

export interface DecisionSettings {
  readonly secret: string | undefined
  readonly previousSecret: string | undefined
  /** ms */
  readonly lifetime: number
}

const MAX_LIFETIME = 86_400_000

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function decisionsOf(decisions: DecisionOptions = {}): DecisionSettings {
  knownOptions('serve: decisions', decisions, ['secret', 'previousSecret', 'lifetime'])
  const { lifetime = 600_000, secret, previousSecret } = decisions
  for (const [name, value] of Object.entries({ secret, previousSecret })) {
    if (value === undefined || (typeof value === 'string' && value.length >= 32)) continue
    // Never with the value, which would be in a log then.
    const got = typeof value === 'string' ? `one of ${value.length}` : typeof value
    throw new SluiceError('ERR_OPTION_INVALID', `serve: decisions.${name}: expected a text of at least 32 characters, got ${got}`)
  }
  const ms = millisOf(lifetime, 'serve: decisions.lifetime')
  if (ms < 1_000 || ms > MAX_LIFETIME) throw invalid('serve: decisions.lifetime', 'a time from 1 s to 1 day', lifetime)
  return { secret, previousSecret, lifetime: ms }
}
