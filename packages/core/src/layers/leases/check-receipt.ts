import { algorithmOf } from '../../algorithms/registry.ts'
import type { Charge, ConsumeOptions } from '../../store.ts'
import { readLeases } from './ledger.ts'

const NO_OPTIONS: ConsumeOptions = Object.freeze({})

/** @throws ERR_RECEIPT_REQUIRED, ERR_RECEIPT_INVALID for a receipt that is missing or that no store made, before a store sends anything */
export function checkReceipt(charge: Charge, { how }: ConsumeOptions): void {
  if (charge.cost < 0 || algorithmOf(charge.limit).holds) stepWithoutState(charge, how)
}

/** As `checkReceipt`; also throws for an algorithm or a calendar that there is not. The result of the step is not used. */
export function stepWithoutState(charge: Charge, how: ConsumeOptions['how']): void {
  const options = { how: how === 'credit' ? how : undefined, holder: '-' }
  for (const bare of readLeases([charge], 'peek', NO_OPTIONS).charges) algorithmOf(bare.limit).step(undefined, bare, 0, options)
}
