import type { Charge, ConsumeOptions } from '@sluice/core'
import { algorithmOf } from '@sluice/core/algorithms'
import { readLeases } from '@sluice/core/store-kit'

const NO_OPTIONS: ConsumeOptions = Object.freeze({})

/** @throws ERR_RECEIPT_INVALID for a receipt that is missing or that no store made, before anything is sent */
export function checkReceipt(charge: Charge, { how }: ConsumeOptions): void {
  if (charge.cost >= 0 && !algorithmOf(charge.limit).holds) return
  // Core's own step checks the receipt. Its result is not used.
  const options = { how: how === 'credit' ? how : undefined, holder: '-' }
  for (const bare of readLeases([charge], 'peek', NO_OPTIONS).charges) algorithmOf(bare.limit).step(undefined, bare, 0, options)
}
