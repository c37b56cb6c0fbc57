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
  readonly parts: readonly OverrideSpec[]
}

/** Finds the overrides of one subject. Its time does not depend on how many there are. */
export class SubjectOverrides {
  private readonly exact = new Map<string, OverrideSpec>()
  private readonly hashed = new Map<string, OverrideSpec>()
  /** By the length of the prefix, the longest first. */
  private readonly prefixes: (readonly [length: number, overrides: Map<string, OverrideSpec>])[] = []
  private readonly shares: OverrideSpec[] = []
  private readonly salt: string
  private readonly digests: Digests

  /** @param salt makes the shares of different policies different subjects */
  constructor(overrides: readonly OverrideSpec[], salt: string, digests: Digests) {
    this.salt = salt
    this.digests = digests
    const byLength = new Map<number, Map<string, OverrideSpec>>()
    for (const override of overrides) {
      const { is, startsWith, percent } = override
      if (is !== undefined) (isDigest(is) ? this.hashed : this.exact).set(is, override)
      else if (startsWith !== undefined) {
        const { length } = startsWith
        byLength.set(length, (byLength.get(length) ?? new Map<string, OverrideSpec>()).set(startsWith, override))
      } else if (percent !== undefined) this.shares.push(override)
    }
    this.prefixes = [...byLength].toSorted(([a], [b]) => b - a)
    // The smallest share first, since it is the most exact.
    this.shares.sort((a, b) => (a.percent ?? 0) - (b.percent ?? 0))
  }

  /** Adds those that hold for a value, by their rank, lower ranks first: exact, longest prefix, share. */
  collect(value: string, now: number, found: OverrideSpec[][]): void {
    const add = (rank: number, override: OverrideSpec | undefined): void => {
      if (override !== undefined && !isOver(override, now)) (found[rank] ??= []).push(override)
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

function isOver({ until }: OverrideSpec, now: number): boolean {
  return until !== undefined && Date.parse(until) <= now
}

/** A number from 0 to 100 that is the same in every process. */
export function pointOf(salt: string, value: string): number {
  return (hash32(`${salt}\n${value}`) / 2 ** 32) * 100
}

/**
 * One override from several. Each limit takes its number from the most exact one that names it. A tier or an exemption holds unless a
 * more exact override says something else.
 */
export function merged(byRank: readonly (readonly OverrideSpec[] | undefined)[]): Override | undefined {
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
  for (const { limits, exempt, until } of parts) {
    if (exempt === true) return end
    const quantity = limits !== undefined && Object.hasOwn(limits, name) ? limits[name]?.limit : undefined
    if (quantity === undefined) continue
    if (quantity > 0) return end
    end = Math.max(end, instantOf(until))
  }
  return end
}

/** The instant at which the override ends that gave the tier; `Infinity` if it does not. */
export function endOfTier({ parts }: Override): number {
  return instantOf(parts.find(({ tier }) => tier !== undefined)?.until)
}

function instantOf(until: string | undefined): number {
  return until === undefined ? Infinity : Date.parse(until)
}
