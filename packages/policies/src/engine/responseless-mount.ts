import type { MaybePromise } from '@sluice/core'
import { isPromise } from '@sluice/core/adapter-kit'
import type { Choice } from '../compile/select.ts'
import type { Selected } from './in-force.ts'
import { Mount } from './mount.ts'
import { needsResponse } from './settlements.ts'
import type { Viewed } from './viewed.ts'

/**
 * The policies of a namespace over requests whose responses nobody sees, such as those of a gateway. Limits that count what only the end of a
 * request says are not asked: a slot would be taken for its whole `ttl`, and units that are not refunded would refuse clients that did nothing.
 */
export class ResponselessMount<C> extends Mount<C> {
  override select(context: C): MaybePromise<Selected> {
    const selected = super.select(context)
    return isPromise(selected) ? selected.then(withoutResponses) : withoutResponses(selected)
  }
}

function withoutResponses(selected: Selected): Selected {
  const { enforced, shadows } = selected.selection
  if (!enforced.some(hasSome) && !shadows.some(hasSome)) return selected
  return { ...selected, selection: { ...selected.selection, enforced: enforced.flatMap(others), shadows: shadows.flatMap(others) } }
}

function hasSome({ limits }: Choice<Viewed>): boolean {
  return limits.some(({ compiled: { spec } }) => needsResponse(spec))
}

/** The choice with its other limits; nothing where it has none. */
function others(choice: Choice<Viewed>): readonly Choice<Viewed>[] {
  const limits = choice.limits.filter(({ compiled: { spec } }) => !needsResponse(spec))
  return limits.length === 0 ? [] : [{ ...choice, limits }]
}
