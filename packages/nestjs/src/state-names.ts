import type { Type } from '@nestjs/common'
import { SluiceError } from '@sluice/core'
import { derivedName, hashedName } from '@sluice/core/adapter-kit'
import type { Rule } from './limit-rules.ts'
import type { RouteLimits } from './route-limits.ts'

// Nest does not export the keys under which @Controller() stores its options.
const VERSION = '__version__'
const HOST = 'host'

/** Names a class among those of its name: two controllers may differ in version or host alone. */
function classLabel(type: Type): string {
  const [versions, hosts] = [VERSION, HOST].map((key) =>
    [(Reflect.getMetadata(key, type) as unknown) ?? []]
      .flat()
      // A symbol is VERSION_NEUTRAL: the controller for all other versions.
      .filter((value) => typeof value !== 'symbol')
      .map(String),
  ) as [string[], string[]]
  const [version, ...more] = versions
  if (version === undefined && hosts.length === 0) return type.name
  const isPlain = hosts.length === 0 && more.length === 0 && /^[\w-]+$/.test(version ?? '')
  return isPlain ? `${type.name}-v${version}` : hashedName(type.name, JSON.stringify([type.name, versions, hosts]))
}

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
   * @param method `undefined` for the decorator of a class
   * @throws ERR_NAME_TAKEN
   */
  claim({ name, added, overrides }: RouteLimits, type: Type, route: string, method: string | undefined): string {
    if (added.length === 0 && Object.keys(overrides).length === 0) return route
    const state = name || derivedName([classLabel(type), method ?? []].flat().join('.'))
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
