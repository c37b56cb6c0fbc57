import type { FailMode, Limit } from '@sluice/core'
import type { LimitSet, ScopedLimit } from '@sluice/core/adapter-kit'
import type { CompiledLimit } from '../compile/revision.ts'
import type { Choice } from '../compile/select.ts'
import type { Viewed } from './viewed.ts'

/** Clients choose some of what makes a set, such as a tier that does not exist. */
const MAX_SETS = 10_000
const STRICTNESS: readonly FailMode[] = ['open', 'local', 'closed']

/** A step on the way to a set: the next limit, or the rule of the next limits. */
interface Node {
  readonly next: Map<object | string, Node>
  set: LimitSet | undefined
}

/** The sets of limits that one revision gives to requests. Equal sets are one object, by which headers find what they have rendered. */
export class LimitSets {
  private readonly namespace: string
  private readonly revision: number
  private readonly scoped: ScopedLimits
  private root: Node = newNode()
  private size = 0

  constructor(namespace: string, revision: number, scoped: ScopedLimits) {
    this.namespace = namespace
    this.revision = revision
    this.scoped = scoped
  }

  /** The limits of these policies, as one decision. */
  of(choices: readonly Choice<Viewed>[], mode: 'enforce' | 'shadow', tier: string | undefined): LimitSet {
    let node = step(this.root, `${mode} ${tier ?? ''}`)
    for (const { rule, limits } of choices) {
      node = step(node, rule)
      for (const { limit } of limits) node = step(node, limit)
    }
    if (node.set !== undefined) return node.set
    if (++this.size > MAX_SETS) {
      this.size = 0
      this.root = newNode()
    }
    return (node.set = this.make(choices, mode, tier))
  }

  private make(choices: readonly Choice<Viewed>[], mode: 'enforce' | 'shadow', tier: string | undefined): LimitSet {
    const limits = choices.flatMap((choice) => choice.limits.map(({ compiled, limit }) => this.scoped.of(compiled, limit, mode)))
    const failMode = choices
      .map(({ policy }) => policy.failMode)
      .reduce((a, b) => (STRICTNESS.indexOf(b) > STRICTNESS.indexOf(a) ? b : a), 'open')
    const policies = choices.map(({ policy, rule }) => `${policy.name}.${rule.name}`)
    return { tier, limits, context: { policy: this.namespace, tier, mode, failMode, document: { revision: this.revision, policies } } }
  }
}

function newNode(): Node {
  return { next: new Map(), set: undefined }
}

function step({ next }: Node, key: object | string): Node {
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
