import type { Type } from '@nestjs/common'
import { SluiceError } from '@sluice/core'
import { derivedName } from '@sluice/core/adapter-kit'
import type { Rule } from './limit-rules.ts'
import type { RouteLimits } from './route-limits.ts'

/** The names of the states of routes. Two classes of one name would share their counts unnoticed, so the second is refused. */
export class StateNames {
  private readonly policies: ReadonlyMap<string, readonly Rule[]>
  private readonly owners = new Map<string, Type>()

  constructor(policies: ReadonlyMap<string, readonly Rule[]>) {
    this.policies = policies
  }

  /**
   * Returns the name of the state for the limits that one decorator adds or overrides.
   * @param route `Class` or `Class.method`
   * @throws ERR_NAME_TAKEN
   */
  claim({ name, added, overrides }: RouteLimits, type: Type, route: string): string {
    if (added.length === 0 && Object.keys(overrides).length === 0) return route
    const state = name || derivedName(route)
    const owner = this.owners.get(state) ?? type
    if (owner !== type || this.policies.has(state)) {
      const [decorator, example] =
        added.length > 0
          ? ['@RateLimit', "@RateLimit({ name: '…', … })"]
          : ['@OverrideRateLimit', "@OverrideRateLimit({ … }, { name: '…' })"]
      throw new SluiceError(
        'ERR_NAME_TAKEN',
        `${decorator} on ${route}: expected a name that no other class or policy has, got "${state}"; add a name: ${example}`,
      )
    }
    this.owners.set(state, type)
    return state
  }
}
