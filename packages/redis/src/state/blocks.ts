import type { Charge, ConsumeOptions, Outcome } from '@sluice/core'
import { refuseBlocked } from '@sluice/core/store-kit'
import type { Places } from '../executor.ts'
import type { Keys, Placement } from '../keys.ts'

/** The `cost` with which the operation `block` only reads. */
export const READ_BLOCK = -1

/**
 * The outcomes of a decision with a blocked subject. `blockedUntil`: for each charge, µs since the epoch, 0 for none.
 */
export function blockedOutcomes(
  charges: readonly Charge[],
  options: ConsumeOptions,
  blockedUntil: readonly number[],
  now: number,
): readonly (Outcome | undefined)[] | undefined {
  return refuseBlocked(charges, options, (_, i) => blockedUntil[i] ?? 0, now, 'redis')
}

/** The charges and places of the operation `block`: once for each value, and once for each packed state. */
export function placesOfBlock(keys: Keys, given: readonly Charge[]): { readonly charges: readonly Charge[]; readonly places: Places } {
  const charges: Charge[] = []
  const places = { keys: [] as string[], placements: [] as Placement[] }
  const add = (charge: Charge, key: string, placement: Placement): void => {
    if (places.keys.includes(key)) return
    charges.push(charge)
    places.keys.push(key)
    places.placements.push(placement)
  }
  for (const charge of given) {
    const placement = keys.placementOf(charge)
    add(charge, keys.valueKeyOf(placement, charge.subject), { ...placement, isPacked: false })
    if (placement.isPacked) add(charge, keys.keyOf(charge), placement)
  }
  return { charges, places }
}
