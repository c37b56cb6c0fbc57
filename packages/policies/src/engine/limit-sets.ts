import type { FailMode, Limit } from '@sluice/core'
import type { LimitSet, ScopedLimit } from '@sluice/core/adapter-kit'
import type { CompiledLimit } from '../compile/revision.ts'
import type { Choice, Chosen } from '../compile/select.ts'
import { hasCost } from './plan.ts'
import { isCorrected } from './settlements.ts'
import type { Viewed } from './viewed.ts'

/** Clients choose some of what makes a set, such as a tier that does not exist. */
const MAX_SETS = 10_000
const STRICTNESS: readonly FailMode[] = ['open', 'local', 'closed']

/** A set of limits, and what is the same for every request that has it. */
export interface MergedSet {
  readonly set: LimitSet
  /** Whether each limit takes one unit, unless the application says otherwise. */
  readonly isPlain: boolean
  /** Whether a response corrects the charge of a limit. */
  readonly isCorrected: boolean
}

/** A step on the way to a set: the next limit, or the rule of the next limits. */
interface Node {
  readonly next: Map<object | string | undefined, Node>
  merged: MergedSet | undefined
}

/** The sets of limits that one revision gives to requests. Equal sets are one object, by which headers find what they have rendered. */
export class LimitSets {
  private readonly namespace: string
  private readonly revision: number
  private readonly scoped: ScopedLimits
  private enforced = newNode()
  private shadows = newNode()
  private size = 0

  constructor(namespace: string, revision: number, scoped: ScopedLimits) {
    this.namespace = namespace
    this.revision = revision
    this.scoped = scoped
  }

  /** The limits of these policies, as one decision. */
  of(choices: readonly Choice<Viewed>[], mode: 'enforce' | 'shadow', tier: string | undefined): MergedSet {
    let node = step(mode === 'enforce' ? this.enforced : this.shadows, tier)
    for (let i = 0; i < choices.length; i++) {
      const { rule, limits } = choices[i] as Choice<Viewed>
      node = step(node, rule)
      for (let j = 0; j < limits.length; j++) node = step(node, (limits[j] as Chosen<Viewed>).limit)
    }
    return node.merged ?? (node.merged = this.make(choices, mode, tier))
  }

  private make(choices: readonly Choice<Viewed>[], mode: 'enforce' | 'shadow', tier: string | undefined): MergedSet {
    if (++this.size > MAX_SETS) {
      this.size = 0
      this.enforced = newNode()
      this.shadows = newNode()
    }
    const chosen = choices.flatMap((choice) => choice.limits)
    const limits = chosen.map(({ compiled, limit }) => this.scoped.of(compiled, limit, mode))
    const failMode = choices
      .map(({ policy }) => policy.failMode)
      .reduce((a, b) => (STRICTNESS.indexOf(b) > STRICTNESS.indexOf(a) ? b : a), 'open')
    const policies = choices.map(({ policy, rule }) => `${policy.name}.${rule.name}`)
    const context = { policy: this.namespace, tier, mode, failMode, document: { revision: this.revision, policies } } as const
    return {
      set: { tier, limits, context },
      isPlain: chosen.every(({ compiled: { spec } }) => !hasCost(spec) || spec.cost === 1),
      isCorrected: chosen.some(({ compiled: { spec } }) => isCorrected(spec)),
    }
  }
}

function newNode(): Node {
  return { next: new Map(), merged: undefined }
}

function step({ next }: Node, key: object | string | undefined): Node {
  let node = next.get(key)
  if (node === undefined) next.set(key, (node = newNode()))
  return node
}

/** Limits with the scope of their counter. A limit in shadow has a counter of its own. */
export class ScopedLimits {
  private readonly known = { enforce: new WeakMap<Limit, ScopedLimit>(), shadow: new WeakMap<Limit, ScopedLimit>() }

  of({ rule, scope, key }: CompiledLimit<Viewed>, limit: Limit, mode: 'enforce' | 'shadow'): ScopedLimit {
    let scoped = this.known[mode].get(limit)
    if (scoped === undefined) {
      const holds = limit.algorithm === 'concurrency'
      scoped = Object.freeze({ rule, limit, scope: mode === 'shadow' ? `~${scope}` : scope, key, holds, reader: undefined })
      this.known[mode].set(limit, scoped)
    }
    return scoped
  }
}
