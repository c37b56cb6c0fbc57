import type { PolicyDocument } from '@sluice/policies'

/** What the policies of a document do to requests. `mixed`: not all of them do the same. `none`: there are none. */
export type NamespaceMode = 'enforce' | 'shadow' | 'off' | 'mixed' | 'none'

export function modeOf({ policies = [] }: PolicyDocument): NamespaceMode {
  const modes = new Set(policies.map(({ mode = 'enforce' }) => mode))
  if (modes.size > 1) return 'mixed'
  const [mode = 'none'] = modes
  return mode
}
