const SUFFIX = '!l'

/** The key of the lease ledgers beside a value, in the same slot. No subject ends so. */
export function leasesKey(stateKey: string): string {
  return stateKey + SUFFIX
}

export function isLeasesKey(key: string): boolean {
  return key.endsWith(SUFFIX)
}
