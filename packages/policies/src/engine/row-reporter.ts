import type { ObserverHub } from '@sluice/core/adapter-kit'
import type { ClientRow } from '../clients/client-table.ts'
import type { ClientSettings } from '../clients/settings.ts'
import type { Revision } from '../compile/revision.ts'
import { show } from '../problems.ts'

/**
 * Reports what a row of the table says, and what does not hold: values that make no sense, once, and numbers that the ceilings cut, once for
 * each limit. Every row of a table may have the same fault.
 */
export function rowReporter<C>(observers: ObserverHub, { policies }: Revision<C>): (settings: ClientSettings, row: ClientRow) => void {
  const ceilings = new Map<string, number>()
  for (const { rules } of policies) {
    for (const { limits, tiers } of rules) {
      for (const { rule, most } of [limits, ...(tiers?.values() ?? [])].flat()) if (most < Infinity) ceilings.set(rule.limit.name, most)
    }
  }
  return ({ problems, limits }, { client_id }) => {
    const who = `the row of client ${show(client_id)}`
    const [first] = problems
    if (first !== undefined) observers.warn('WARN_CLIENT_TABLE', `${who}: ${first}; values like this are ignored`, 'row')
    for (const [name, { limit = 0, burst = 0 }] of Object.entries(limits)) {
      const most = ceilings.get(name) ?? Infinity
      const number = Math.max(limit, burst)
      if (number <= most) continue
      const message = `${who}: ${name}: expected at most ${most}, by the ceilings of the namespace, got ${number}; it is cut to ${most}`
      observers.warn('WARN_POLICY_CEILING', message, `row ${name}`)
    }
  }
}
