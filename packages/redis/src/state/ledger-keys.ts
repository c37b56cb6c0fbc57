const SUFFIX = '!l'

/** The key of the lease ledgers beside a value, in the same slot. No subject ends so. */
export function leasesKey(stateKey: string): string {
  return stateKey + SUFFIX
}

/** The key of what regions know of a value beside it, in the same slot. */
export function regionsKey(valueKey: string): string {
  return `${valueKey}!r`
}

/** Whether a key lies beside a value, and is none itself. */
export function isLedgerKey(key: string): boolean {
  return /![lr]$/.test(key)
}
