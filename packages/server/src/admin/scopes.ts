import { invalid } from '@sluice/core/adapter-kit'

/** What a token may be allowed to do. `admin` is all of it, and the audit log. */
export const ACTIONS = ['read', 'policies', 'subjects', 'blocks', 'admin'] as const

/** What an endpoint needs. */
export type Action = (typeof ACTIONS)[number]

/** The namespace of what belongs to none: the block list, and the audit log of all. */
export const ALL = '*'

const SCOPE = /^(read|policies|subjects|blocks|write|admin):(\*|[A-Za-z][\w.-]{0,63})$/
const WRITES: readonly Action[] = ['policies', 'subjects', 'blocks']

/** What the owner of a token may do, and in which namespaces. */
export class Scopes {
  /** As they were given, such as `read:*`. */
  readonly texts: readonly string[]
  /** The namespaces of each action. */
  private readonly of: ReadonlyMap<Action, ReadonlySet<string>>

  /** @throws ERR_OPTION_INVALID */
  constructor(where: string, texts: readonly string[]) {
    if (!Array.isArray(texts) || texts.length === 0) throw invalid(where, "a list of scopes such as 'read:*'", texts)
    const of = new Map<Action, Set<string>>(ACTIONS.map((action) => [action, new Set()]))
    for (const [i, text] of texts.entries()) {
      const [, action, namespace] = (typeof text === 'string' && SCOPE.exec(text)) || []
      if (action === undefined || namespace === undefined)
        throw invalid(`${where}[${i}]`, `an action and a namespace or *, such as 'read:*' or 'policies:shop'`, text)
      for (const each of actionsOf(action)) of.get(each)?.add(namespace)
    }
    this.texts = [...texts]
    this.of = of
  }

  /** Whether the action is allowed in the namespace. What belongs to all of them (`*`) needs a scope for all of them. */
  allows(action: Action, namespace: string): boolean {
    const namespaces = this.of.get(action)
    return namespaces?.has(ALL) === true || namespaces?.has(namespace) === true
  }

  /** Whether the action is allowed in any namespace: then a list has at least the rows of that one. */
  allowsSome(action: Action): boolean {
    return (this.of.get(action)?.size ?? 0) > 0
  }
}

function actionsOf(action: string): readonly Action[] {
  if (action === 'admin') return ACTIONS
  return action === 'write' ? WRITES : [action as Action]
}
