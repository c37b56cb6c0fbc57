import type { PolicyView } from '@sluice/core/adapter-kit'
import type { Attributes } from '../request.ts'

/** How requests are read that are decided together. They have no body. */
export interface JointView<C> extends Omit<PolicyView<C>, 'body' | 'attributes'> {
  attributes(context: C): Attributes
}
