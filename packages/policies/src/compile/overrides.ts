import { hash32 } from '@sluice/core/store-kit'
import type { NumbersSpec, OverrideSpec } from '../document.ts'
import { type Digests, isDigest } from '../digest.ts'

/** What holds for one request of a policy instead of what its rule says. */
export interface Override {
  readonly exempt: boolean
  readonly tier: string | undefined
  /** The numbers of limits, by name. `undefined`: those of the rule. */
  readonly limits: Readonly<Record<string, NumbersSpec>> | undefined
  /** Those that it was made of, the most exact first. */
  readonly parts: readonly TimedOverride[]
}

/** An override with the instant at which it ends: `Infinity` if it does not. */
export interface TimedOverride extends OverrideSpec {
  readonly endsAt: number
}

/** Finds the overrides of one subject. Its time does not depend on how many there are. */
export class SubjectOverrides {
  private readonly exact = new Map<string, TimedOverride>()
  private readonly hashed = new Map<string, TimedOverride>()
  /** By the length of the prefix, the longest first. */
  private readonly prefixes: (readonly [length: number, overrides: Map<string, TimedOverride>])[] = []
  private readonly shares: TimedOverride[] = []
  private readonly salt: string
  private readonly digests: Digests

  /** @param salt makes the shares of different policies different subjects */
  constructor(overrides: readonly OverrideSpec[], salt: string, digests: Digests) {
    this.salt = salt
    this.digests = digests
    const byLength = new Map<number, Map<string, TimedOverride>>()
    for (const spec of overrides) {
      const override = { ...spec, endsAt: spec.until === undefined ? Infinity : Date.parse(spec.until) }
      const { is, startsWith, percent } = override
      if (is !== undefined) (isDigest(is) ? this.hashed : this.exact).set(is, override)
      else if (startsWith !== undefined) {
        const { length } = startsWith
        byLength.set(length, (byLength.get(length) ?? new Map<string, TimedOverride>()).set(startsWith, override))
      } else if (percent !== undefined) this.shares.push(override)
    }
    this.prefixes = [...byLength].toSorted(([a], [b]) => b - a)
    // The smallest share first, since it is the most exact.
    this.shares.sort((a, b) => (a.percent ?? 0) - (b.percent ?? 0))
  }

  /** Adds those that hold for a value, by their rank, lower ranks first: exact, longest prefix, share. */
  collect(value: string, now: number, found: TimedOverride[][]): void {
    const add = (rank: number, override: TimedOverride | undefined): void => {
      if (override !== undefined && override.endsAt > now) (found[rank] ??= []).push(override)
    }
    add(0, this.exact.get(value))
    if (this.hashed.size > 0) add(0, this.hashed.get(this.digests.of(value)))
    for (const [length, overrides] of this.prefixes) if (value.length >= length) add(1, overrides.get(value.slice(0, length)))
    if (this.shares.length > 0) {
      const point = pointOf(this.salt, value)
      for (const override of this.shares) if (point < (override.percent ?? 0)) add(2, override)
    }
  }
}

/** A number from 0 to 100 that is the same in every process. */
export function pointOf(salt: string, value: string): number {
  return (hash32(`${salt}\n${value}`) / 2 ** 32) * 100
}

/**
 * One override from several. Each limit takes its number from the most exact one that names it. A tier or an exemption holds unless a
 * more exact override says something else.
 */
export function merged(byRank: readonly (readonly TimedOverride[] | undefined)[]): Override | undefined {
  const all = byRank.flatMap((each) => each ?? [])
  if (all.length === 0) return undefined
  let tier: string | undefined
  let limits: Record<string, NumbersSpec> | undefined
  for (const override of all) {
    if (override.exempt === true) {
      if (tier === undefined && limits === undefined) return { exempt: true, tier: undefined, limits: undefined, parts: all }
      continue
    }
    tier ??= override.tier
    for (const [name, numbers] of Object.entries(override.limits ?? {})) {
      limits = { ...limits, [name]: { ...numbers, ...limits?.[name] } }
    }
  }
  return { exempt: false, tier, limits, parts: all }
}

/**
 * The instant at which overrides stop refusing by a number of 0, in ms since the epoch; `Infinity` if they do not. Where one of them ends, the
 * next one holds, which may be 0 as well.
 */
export function endOfZero({ parts }: Override, name: string): number {
  let end = -Infinity
  for (const { limits, exempt, endsAt } of parts) {
    if (exempt === true) return end
    const quantity = limits !== undefined && Object.hasOwn(limits, name) ? limits[name]?.limit : undefined
    if (quantity === undefined) continue
    if (quantity > 0) return end
    end = Math.max(end, endsAt)
  }
  return end
}

/** The instant at which the override ends that gave the tier; `Infinity` if it does not. */
export function endOfTier({ parts }: Override): number {
  return parts.find(({ tier }) => tier !== undefined)?.endsAt ?? Infinity
}
