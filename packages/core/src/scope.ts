import { algorithmOf } from './algorithms/registry.ts'
import { SluiceError } from './errors.ts'
import { hash32 } from './hashing/hash32.ts'
import type { Limit } from './limit.ts'
import type { Charge } from './store.ts'

// The parts of a scope: `<policy>[!<generation>][@<set apart>]+<limit>.<algorithm>`, with a leading `~` for a shadow policy. Names contain
// none of `!`, `@` and `+`, so a store can split every scope.

/** The scope of a limit in a policy. `apart`: the name under which `amendLimit` keeps the limit's state apart. */
export function scopeOf(policy: string, apart: string | undefined, { name, algorithm }: Limit): string {
  return `${policy}${apart === undefined ? '' : `@${apart}`}+${name}.${algorithm}`
}

/**
 * Splits a scope. `policy`: with its `~`, its generation and what is set apart; a store may keep the states of one policy and subject together. `state`:
 * `<limit>.<algorithm>`; empty for a scope of another form.
 */
export function splitScope(scope: string): { readonly policy: string; readonly state: string } {
  const plus = scope.indexOf('+')
  return plus < 0 ? { policy: scope, state: '' } : { policy: scope.slice(0, plus), state: scope.slice(plus + 1) }
}

const LIMITER = /^(~?)([^!@+]*)(?:!([^@+]*))?/

/** The name of the limiter in a scope, which is also that of its shadow policy and of limits set apart. */
export function limiterIn(scope: string): string {
  return LIMITER.exec(scope)?.[2] ?? ''
}

/** The generation in a scope; '' for the first, and for a scope of another form. */
export function generationIn(scope: string): string {
  return LIMITER.exec(scope)?.[3] ?? ''
}

/** The scope in this generation of a scope of any generation. */
export function withGeneration(scope: string, generation: string): string {
  return scope.replace(LIMITER, (_, shadow: string, limiter: string) => `${shadow}${limiter}${generation === '' ? '' : `!${generation}`}`)
}

/** What names a state among those of its policy and subject: `<limit>.<algorithm>.<variant>`. */
export function stateNameOf({ scope, limit }: Pick<Charge, 'scope' | 'limit'>): string {
  return `${splitScope(scope).state}.${algorithmOf(limit).variantOf(limit)}`
}

/** No state has this id, so that a store can mark with it what is not a state. */
const UNUSED_ID = 0xffffffff

/** The name of a state in 32 bits. Two names of one policy with the same bits are refused with ERR_NAME_COLLISION. */
export function stateIdOf(stateName: string): number {
  const hash = hash32(stateName)
  return hash === UNUSED_ID ? hash - 1 : hash
}

export function stateCollision(name: string, other: string): SluiceError {
  return new SluiceError(
    'ERR_NAME_COLLISION',
    `limits: expected names whose 32-bit hashes differ, got "${name}" and "${other}" with the same hash; give one of the two limits another name`,
  )
}
