import type { Keys } from './keys.ts'

/** The most partitions of a store. */
export const MAX_PARTITIONS = 1_024
/** The most subjects of a store that packs states. */
export const MAX_SUBJECTS = 10_000_000_000
const LAYOUT = /^(\d{1,4})(?::(\d{1,11}):([\da-f]{12}))?$/

/** How data is laid out, as it is stored beside the data. `subjects` and `fingerprint` only for packed data. */
export interface Layout {
  readonly partitions: number
  readonly subjects: number | undefined
  readonly fingerprint: string | undefined
}

/** Whether a store can have so many partitions: a power of two. */
export function isPartitionCount(count: number): boolean {
  return Number.isInteger(count) && Number.isInteger(Math.log2(count)) && count <= MAX_PARTITIONS
}

/** Whether a store can be packed for so many subjects. */
export function isSubjectCount(count: number): boolean {
  return Number.isInteger(count) && count >= 1 && count <= MAX_SUBJECTS
}

/** The number of partitions. For packed data also the number of subjects and a fingerprint of the secret. */
export function layoutOf({ tags, packing }: Keys): string {
  return packing === undefined ? String(tags.length) : `${tags.length}:${packing.subjects}:${packing.fingerprint}`
}

/** Reads what `layoutOf` returns. `undefined` for any other text: hash tags are searched without end for a wrong number of partitions. */
export function parseLayout(text: string): Layout | undefined {
  const [, count, subjectCount, fingerprint] = LAYOUT.exec(text) ?? []
  const partitions = Number(count)
  const subjects = subjectCount === undefined ? undefined : Number(subjectCount)
  if (!isPartitionCount(partitions) || (subjects !== undefined && !isSubjectCount(subjects))) return undefined
  return { partitions, subjects, fingerprint }
}
