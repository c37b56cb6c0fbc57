import type { BlockRecord } from '@sluice/blocklist'

const NOW = 1_000_000

/** An entry, by its name: an address unless the changes say otherwise. */
export function record(name: string, changes: Partial<BlockRecord> = {}): BlockRecord {
  return {
    kind: 'address',
    name,
    effect: 'refuse',
    rule: 'strikes',
    since: NOW,
    until: NOW + 60_000,
    level: 1,
    evidence: undefined,
    reason: '',
    ...changes,
  }
}
