import { get } from './api.ts'
import { Store } from './store.ts'
import type { KillSwitchRow } from './types.ts'

/** The namespaces whose limits are off. */
export const switches: Store<readonly KillSwitchRow[]> = new Store<readonly KillSwitchRow[]>([])

export async function refreshSwitches(): Promise<void> {
  const { rows } = await get<{ readonly rows: readonly KillSwitchRow[] }>('kill-switch')
  switches.set(rows)
}
