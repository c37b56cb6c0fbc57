import { badReceipt } from '../../algorithms/receipts.ts'
import type { Charge, Receipt } from '../../store.ts'

// Receipts of the local share. Both marks have the same length.
const LOCAL = 'local:'
/** The store did not answer, so it may have made the same charge. */
const IN_DOUBT = 'local?'

export function localReceipt(inner: Receipt, inDoubt: boolean): Receipt {
  return `${inDoubt ? IN_DOUBT : LOCAL}${JSON.stringify(inner)}`
}

export function isLocalReceipt(receipt: Receipt | undefined): boolean {
  return typeof receipt === 'string' && (receipt.startsWith(LOCAL) || receipt.startsWith(IN_DOUBT))
}

export function isInDoubt(receipt: Receipt | undefined): boolean {
  return typeof receipt === 'string' && receipt.startsWith(IN_DOUBT)
}

/**
 * The receipt of the memory store inside a local one.
 * @throws ERR_RECEIPT_INVALID
 */
export function innerReceipt(charge: Charge): Receipt | undefined {
  if (charge.receipt === undefined) return undefined
  try {
    return JSON.parse(String(charge.receipt).slice(LOCAL.length)) as Receipt
  } catch {
    throw badReceipt(charge)
  }
}
