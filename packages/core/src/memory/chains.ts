import { detach } from '../detach.ts'
import { NO_SLOT, type SlotRows } from './slot-rows.ts'

/**
 * The first slot of each subject. Slots of one subject in several tables form a chain. So one look-up of the subject finds its
 * states under all limits of a policy.
 */
export type Chains = Map<string, number>

/** The slot that a chain has in a table, or `NO_SLOT`. `first`: the first slot of the chain. */
export function findInChain(rows: SlotRows, first: number, tableId: number): number {
  let slot = first
  while (slot !== NO_SLOT && rows.tableOf(slot) !== tableId) slot = rows.next(slot)
  return slot
}

/** Adds a slot to the end of its subject's chain. All slots of a chain share one text in `subjects`. */
export function append(rows: SlotRows, chains: Chains, subjects: string[], slot: number, subject: string): void {
  rows.setNext(slot, NO_SLOT)
  let last = chains.get(subject)
  if (last === undefined) {
    const text = detach(subject)
    subjects[slot] = text
    chains.set(text, slot)
    return
  }
  for (let next = rows.next(last); next !== NO_SLOT; next = rows.next(last)) last = next
  rows.setNext(last, slot)
  subjects[slot] = subjects[last] as string
}

/** Takes a slot out of its subject's chain. */
export function removeFromChain(rows: SlotRows, chains: Chains, slot: number, subject: string): void {
  const after = rows.next(slot)
  let before = chains.get(subject) as number
  if (before === slot) {
    if (after === NO_SLOT) chains.delete(subject)
    else chains.set(subject, after)
    return
  }
  while (rows.next(before) !== slot) before = rows.next(before)
  rows.setNext(before, after)
}
