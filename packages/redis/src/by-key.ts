import type { Charge, ConsumeOptions, MaybePromise, Outcome } from '@sluice/core'
import { groupByPartition, type PartitionGroup } from '@sluice/core/store-kit'
import type { Operation, Places } from './executor.ts'
import type { Keys } from './keys.ts'
import { blockedOutcomes, placesOfBlock, READ_BLOCK } from './state/blocks.ts'

type Outcomes = readonly (Outcome | undefined)[]

/** What decides each key of a partition alone. */
export interface KeyByKey {
  readonly keys: Keys
  readonly partition: string
  run(charges: readonly Charge[], places: Places, how: Operation, options: ConsumeOptions): Promise<Outcomes>
  /** Decides, without a look at blocks. */
  decideAcross(groups: readonly PartitionGroup[], options: ConsumeOptions): MaybePromise<Outcomes>
}

/** Decides while a slot is being moved: its keys may be on two servers, so that no command can name two of them. */
export async function decideByKey(
  by: KeyByKey,
  charges: readonly Charge[],
  places: Places,
  how: Operation,
  options: ConsumeOptions,
): Promise<Outcomes> {
  const { keys, placements, blockKeys } = places
  if (how === 'block' || how === 'reset') {
    const each = charges.map((charge, i) =>
      by.run([charge], { keys: keys.slice(i, i + 1), placements: placements.slice(i, i + 1) }, how, options),
    )
    return (await Promise.all(each)).flat()
  }
  const blocked = blockKeys === undefined ? undefined : await readBlocks(by, charges, blockKeys, options)
  if (blocked !== undefined) return blocked
  const groups = groupByPartition(charges, (charge) => by.keys.keyOf(charge)).map((group) => ({ ...group, partition: by.partition }))
  return by.decideAcross(groups, options)
}

async function readBlocks(
  by: KeyByKey,
  charges: readonly Charge[],
  blockKeys: readonly (string | undefined)[],
  options: ConsumeOptions,
): Promise<Outcomes | undefined> {
  const { charges: reads, places } = placesOfBlock(
    by.keys,
    charges.map((charge) => ({ ...charge, cost: READ_BLOCK, receipt: undefined })),
  )
  const found = await by.run(reads, places, 'block', {})
  const until = blockKeys.map((key) => {
    const outcome = key === undefined ? undefined : found[places.keys.indexOf(key)]
    return outcome?.blocked === true ? outcome.at + outcome.retryAfter * 1000 : 0
  })
  return blockedOutcomes(charges, options, until, found[0]?.at ?? 0)
}
