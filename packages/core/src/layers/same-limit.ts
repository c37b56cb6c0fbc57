import { withoutShown } from '../label.ts'
import type { Limit } from '../limit.ts'

/** Whether two limits have the same numbers, though they may be two objects: functions give a new one for each request. */
export function isSameLimit(a: Limit, b: Limit): boolean {
  return a === b || textOf(a) === textOf(b)
}

const texts = new WeakMap<Limit, string>()

function textOf(limit: Limit): string {
  let text = texts.get(limit)
  if (text === undefined) texts.set(limit, (text = JSON.stringify(limit, withoutShown)))
  return text
}
