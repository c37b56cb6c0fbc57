import type { ConfiguredLimit } from '@sluice/core'
import { distinctLimits } from '@sluice/core/adapter-kit'
import type { CompiledPolicy, CompiledRule, Revision } from '../compile/revision.ts'

/** The limits of a document for observers, as its decisions name them: each for every tier that the document knows. */
export function configuredLimits<C>({ document, policies }: Revision<C>): readonly ConfiguredLimit[] {
  const fallback = document.tier?.default
  const named = policies.flatMap(({ rules }) => rules.flatMap(({ tiers }) => [...(tiers?.keys() ?? [])]))
  // A request without a document of tiers has none.
  const tiers = fallback === undefined ? [undefined] : [...new Set([fallback, ...named])]
  return distinctLimits(policies.flatMap((policy) => tiers.flatMap((tier) => limitsFor(policy, tier, fallback))))
}

function limitsFor<C>(policy: CompiledPolicy<C>, tier: string | undefined, fallback = ''): readonly ConfiguredLimit[] {
  const limits = policy.rules.flatMap((rule) => limitsOf(rule, tier ?? fallback, fallback))
  return modesOf(policy).flatMap((mode) =>
    limits.map(({ rule: { limit } }) => ({ policy: policy.name, limit: limit.name, tier, mode, units: limit.limit })),
  )
}

function limitsOf<C>({ tiers, limits }: CompiledRule<C>, tier: string, fallback: string): CompiledRule<C>['limits'] {
  return tiers === undefined ? limits : (tiers.get(tier) ?? tiers.get(fallback) ?? [])
}

/** The modes in which a policy decides: both while it is rolled out to some subjects. */
export function modesOf<C>({ mode, rollout }: CompiledPolicy<C>): readonly ('enforce' | 'shadow')[] {
  if (mode === 'off') return []
  if (mode === 'shadow') return ['shadow']
  return rollout === undefined ? ['enforce'] : ['enforce', 'shadow']
}
