import type { Decision } from './decision.ts'
import type { Limit } from './limit.ts'

type Named = Pick<Decision, 'policy' | 'policies'>

/** The policy of a limit: for a document, what stands before the first `.` of the limit's name; else the name of the limiter. */
export function policyOf(decision: Named, { name }: Pick<Limit, 'name'>): string {
  return decision.policies === undefined ? decision.policy : name.slice(0, name.indexOf('.'))
}

/** The name of a limit within its policy. */
export function limitNameOf(decision: Named, { name }: Pick<Limit, 'name'>): string {
  return decision.policies === undefined ? name : name.slice(name.indexOf('.') + 1)
}
