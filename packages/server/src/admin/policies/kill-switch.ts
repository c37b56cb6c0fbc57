import { isMap, isSeq, parseDocument as parseYaml } from 'yaml'

/** A namespace that admits everything for a while. */
export interface KillSwitch {
  /** The revision that switched it off. */
  readonly revision: number
  /** The revision that was in force before, which `on` repeats. */
  readonly previous: number
  /** An instant, at which the limits hold again by themselves; `undefined`: not before somebody switches them on. */
  readonly until: string | undefined
  readonly by: string
  readonly reason: string
}

/** The first line of a document that a kill switch has written. A comment: every process of this version or an older one can read it. */
const MARK = '# sluice:kill-switch '

/**
 * The text of a revision under which no policy holds: until an instant, or until another revision. All else stays, with its comments.
 * @param text of the document in force: a valid one
 */
export function switchedOff(text: string, killSwitch: KillSwitch): string {
  const { until, revision } = killSwitch
  const document = parseYaml(text)
  document.set('revision', revision)
  document.delete('rollbackOf')
  const policies = document.get('policies')
  for (const policy of isSeq(policies) ? policies.items : []) {
    if (!isMap(policy)) continue
    const from = policy.getIn(['active', 'from']) as string | undefined
    const end = policy.getIn(['active', 'until']) as string | undefined
    const endsBefore = until !== undefined && end !== undefined && Date.parse(end) <= Date.parse(until)
    if (until === undefined || endsBefore) policy.set('mode', 'off')
    else if (from === undefined || Date.parse(from) < Date.parse(until)) policy.setIn(['active', 'from'], until)
  }
  return `${MARK}${JSON.stringify(killSwitch)}\n${document.toString({ lineWidth: 0 })}`
}

/** The kill switch that has written this text, while it is off. */
export function killSwitchIn(text: string, { revision }: { readonly revision: number }, now: number): KillSwitch | undefined {
  if (!text.startsWith(MARK)) return undefined
  const end = text.indexOf('\n')
  try {
    const killSwitch = JSON.parse(text.slice(MARK.length, end < 0 ? undefined : end)) as KillSwitch
    // A later revision that was written over it has taken the line along.
    const isOf = killSwitch.revision === revision
    return isOf && (killSwitch.until === undefined || Date.parse(killSwitch.until) > now) ? killSwitch : undefined
  } catch {
    return undefined
  }
}
