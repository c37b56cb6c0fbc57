import { quoted, SluiceError } from './errors.ts'
import type { Limit } from './limit.ts'

/** The name of a limit in headers and bodies. With `shorthand`, a limit named `default` has the name of the policy. */
export function shownName({ name, label }: Pick<Limit, 'name' | 'label'>, policy: string, shorthand: boolean): string {
  if (label !== undefined) return label
  if (shorthand && name === 'default') return policy
  return policy === 'default' ? name : `${policy}.${name}`
}

/**
 * Clients could not tell apart two limits of one response with the same text.
 * @throws ERR_NAME_DUPLICATE if the label of a limit is the label or the name of another
 */
export function checkLabels(limits: readonly Limit[], policy: string, what: string): void {
  for (const { name, label } of limits) {
    if (label === undefined) continue
    const text = label.toLowerCase()
    const other = limits.find(
      (each) => each.name !== name && (each.name.toLowerCase() === text || shownName(each, policy, false).toLowerCase() === text),
    )
    if (other !== undefined)
      throw new SluiceError(
        'ERR_NAME_DUPLICATE',
        `${what}: limit "${name}": label: expected a text that no other limit shows, ignoring case, got ${quoted(label)}, ` +
          `which limit "${other.name}" has; give one of the two another label`,
      )
  }
}

/** For `JSON.stringify`: leaves out what only clients see, since limits that differ in that alone share one state. */
export function withoutShown(key: string, value: unknown): unknown {
  return key === 'label' || key === 'visible' ? undefined : value
}
