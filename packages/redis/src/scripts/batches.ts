import { MAX_CHARGES, MAX_DECISIONS, type PendingDecision, type Settleable } from '../executor.ts'

/** The most bytes of one command, about. */
const MAX_BYTES = 32_768
/** Bytes that a charge adds to a command besides its key: numbers, cost, holder, protocol, and a part of its limit. */
const CHARGE_OVERHEAD = 64
/** A decision that waits to be sent, or for its reply. */
export interface Waiting extends Settleable {
  readonly isFast: boolean
  readonly attempt: number
}

/** The decisions, in order, in batches that one command may carry. */
export function inBatches(decisions: readonly Waiting[]): readonly (readonly Waiting[])[] {
  const batches: Waiting[][] = []
  let batch: Waiting[] = []
  let charges = 0
  let bytes = 0
  for (const decision of decisions) {
    const size = sizeOf(decision)
    const isFull = batch.length === MAX_DECISIONS || charges + decision.charges.length > MAX_CHARGES || bytes + size > MAX_BYTES
    if (batch.length === 0 || isFull) {
      batch = []
      batches.push(batch)
      charges = 0
      bytes = 0
    }
    batch.push(decision)
    charges += decision.charges.length
    bytes += size
  }
  return batches
}

/**
 * The decisions for the fast and for the full script. A decision that shares a key with one of the full script goes there too: otherwise
 * the two scripts would change the order of the calls.
 */
export function splitByPath(waiting: readonly Waiting[]): readonly [fast: readonly Waiting[], full: readonly Waiting[]] {
  const fullKeys = new Set(waiting.filter(({ isFast: fast }) => !fast).flatMap(({ keys }) => keys))
  const fast: Waiting[] = []
  const full: Waiting[] = []
  for (const decision of waiting) {
    if (decision.isFast && !decision.keys.some((key) => fullKeys.has(key))) {
      fast.push(decision)
      continue
    }
    full.push({ ...decision, isFast: false })
    for (const key of decision.keys) fullKeys.add(key)
  }
  return [fast, full]
}

/** About how many bytes a decision adds to a command. */
function sizeOf({ charges, keys, leases, blockKeys }: PendingDecision): number {
  let size = 0
  for (let i = 0; i < charges.length; i++) {
    const charge = Buffer.byteLength(keys[i] as string) + CHARGE_OVERHEAD
    if (blockKeys?.[i] !== undefined) size += charge
    size += String(charges[i]?.receipt ?? '').length + (leases[i] === undefined ? charge : 2 * charge)
  }
  return size
}
