import type { Decision, Limit, Mode } from '@sluice/core'
import type { LimiterEngine } from '@sluice/core/adapter-kit'
import { Digests, isDigest } from '../digest.ts'
import type { NumbersSpec, OverrideSpec } from '../document.ts'
import type { CompiledLimit, CompiledPolicy } from '../compile/revision.ts'
import { modesOf } from './configured-limits.ts'
import type { InForce } from './in-force.ts'
import type { Viewed } from './viewed.ts'

/** What one limit of a document counts for a subject. */
export interface SubjectLimit {
  /** The name of the policy in the document. */
  readonly policy: string
  readonly rule: string
  /** `<policy>.<limit>`, as decisions have it. */
  readonly name: string
  /** With the numbers that hold for the subject: those of its rule, its tier or its override. */
  readonly limit: Limit
  /** `undefined` for the limits beside tiers. */
  readonly tier: string | undefined
  readonly mode: Mode
  /** The name of its subject in the document. */
  readonly subject: string
  /** What a decision of 0 units says: it takes nothing. */
  readonly decision: Decision
}

/** Limits that are looked at: each is a question to the store. */
const MAX_LIMITS = 1_000

/** Asks every limit of a revision what it counts for the text of a subject. It takes nothing. */
export async function subjectLimits(
  engine: LimiterEngine,
  { revision, sets }: InForce,
  subject: string,
  now: number,
): Promise<readonly SubjectLimit[]> {
  const limits = revision.policies.flatMap((policy) =>
    modesOf(policy).flatMap((mode) => limitsOf(policy).map((each) => ({ ...each, policy, mode }))),
  )
  const names = Object.keys(revision.document.subjects ?? {})
  const policyOf = new Map((revision.document.policies ?? []).map((each) => [each.name, each.overrides ?? []]))
  return await Promise.all(
    limits.slice(0, MAX_LIMITS).map(async ({ compiled, rule, tier, policy, mode }) => {
      const numbers = numbersOf(policyOf.get(policy.name) ?? [], compiled, subject, now)
      const limit = numbers === undefined ? compiled.rule.limit : compiled.amended(numbers)
      const chosen = { policy: policy.name, compiled, limit, subject, endsAt: undefined }
      const { set } = sets.of([{ policy, rule, limits: [chosen] }], mode, tier)
      const decision = await engine.peekAt(set, subject, 0)
      return { policy: policy.name, rule: rule.name, name: limit.name, limit, tier, mode, subject: names[compiled.subject] ?? '', decision }
    }),
  )
}

function limitsOf({ rules }: CompiledPolicy<Viewed>) {
  return rules.flatMap((rule) => [
    ...rule.limits.map((compiled) => ({ compiled, rule, tier: undefined as string | undefined })),
    ...[...(rule.tiers ?? [])].flatMap(([tier, limits]) => limits.map((compiled) => ({ compiled, rule, tier }))),
  ])
}

/** The numbers of an override of this subject: the exact one before the longest prefix. */
function numbersOf(
  overrides: readonly OverrideSpec[],
  { spec }: CompiledLimit<Viewed>,
  subject: string,
  now: number,
): NumbersSpec | undefined {
  return overridesOf(overrides, subject, now).find((each) => each.subject === spec.subject && each.limits?.[spec.name] !== undefined)
    ?.limits?.[spec.name]
}

const DIGESTS = new Digests()

/** The overrides of a policy that hold for the text of a subject now, the most exact first. A share of all subjects is left out. */
export function overridesOf(overrides: readonly OverrideSpec[], subject: string, now: number): readonly OverrideSpec[] {
  return overrides
    .filter(({ is, startsWith, until }) => {
      if (until !== undefined && Date.parse(until) <= now) return false
      if (is !== undefined) return isDigest(is) ? DIGESTS.of(subject) === is : is === subject
      return startsWith !== undefined && subject.startsWith(startsWith)
    })
    .toSorted((a, b) => (b.startsWith?.length ?? Infinity) - (a.startsWith?.length ?? Infinity))
}
