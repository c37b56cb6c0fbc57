import type { Limit } from '../limit.ts'
import type { Store } from '../store.ts'

const PASSED_ON = ['shardOf', 'peekReplica', 'close', 'health', 'subscribe'] as const

/** A store that answers by `own`, and by the one below for the rest: what that one lacks, it lacks too. Its name is the one below's. */
export function layerOver(inner: Store, own: Pick<Store, 'consume' | 'reset'> & Partial<Store>): Store {
  const passed: Partial<Record<keyof Store, unknown>> = {}
  for (const name of PASSED_ON) {
    if (inner[name] !== undefined) passed[name] = inner[name].bind(inner)
  }
  return { ...(passed as Partial<Store>), ...own, name: inner.name }
}

/** Whether both are one rule: the same numbers, though defined twice. */
export function isSameRule(a: Limit, b: Limit): boolean {
  return a === b || numbersOf(a) === numbersOf(b)
}

const numbers = new WeakMap<Limit, string>()
function numbersOf(limit: Limit): string {
  let text = numbers.get(limit)
  if (text === undefined) numbers.set(limit, (text = JSON.stringify(limit)))
  return text
}
