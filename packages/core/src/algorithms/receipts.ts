import { show, SluiceError } from '../errors.ts'
import type { Charge, Receipt } from '../store.ts'

/** The receipt of a window: its start in ms, and how many units were taken if not 1. */
export function windowReceipt(start: number, units: number): Receipt {
  return units === 1 ? start : `${start}:${units}`
}

/**
 * Parses the receipt of `windowReceipt`.
 * @throws ERR_RECEIPT_REQUIRED, ERR_RECEIPT_INVALID
 */
export function parseWindowReceipt(charge: Charge): { readonly start: number; readonly units: number } {
  requireReceipt(charge)
  const { receipt } = charge
  const [start, units] = typeof receipt === 'number' ? [receipt, 1] : (receipt ?? '').split(':').map(Number)
  if (start === undefined || units === undefined || !Number.isSafeInteger(start) || !Number.isSafeInteger(units)) throw badReceipt(charge)
  return { start, units }
}

/** @throws ERR_RECEIPT_REQUIRED: without a receipt, another window could get the units, or another request could lose its holder */
export function requireReceipt(charge: Charge): void {
  if (charge.receipt !== undefined) return
  throw new SluiceError(
    'ERR_RECEIPT_REQUIRED',
    `${nameOf(charge)}: expected a receipt with a cost below 0, got none; pass the receipt of the outcome that charged these units. ` +
      "Only a tokenBucket, or a leakyBucket without queue, takes units back without a receipt; windows do with how: 'credit'",
  )
}

export function badReceipt(charge: Charge): SluiceError {
  return new SluiceError(
    'ERR_RECEIPT_INVALID',
    `${nameOf(charge)}: expected a receipt that this store made for this limit, got ${show(charge.receipt)}; pass outcome.receipt unchanged`,
  )
}

function nameOf({ limit }: Charge): string {
  return `limit "${limit.name}" (${limit.algorithm})`
}
