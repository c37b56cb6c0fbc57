import type { Redis } from 'ioredis'

export const SLOTS = 16_384

/** What a test does in the middle of a slot's move; each is waited for. */
export interface MoveHooks {
  /** The source answers MIGRATING, the target IMPORTING; no key has moved. */
  readonly opened?: (slot: number) => unknown
  /** This key goes next. */
  readonly moving?: (key: Buffer, slot: number) => unknown
  /** This key is at the target, and how many have gone. */
  readonly moved?: (key: Buffer, count: number, slot: number) => unknown
  /** The source has no key left, and owns the slot still. */
  readonly emptied?: (slot: number) => unknown
}

/** As `redis-cli --cluster reshard` does it, but key by key. */
export async function moveSlot(slot: number, source: Redis, target: Redis, others: readonly Redis[], hooks: MoveHooks): Promise<void> {
  const sourceId = (await source.call('CLUSTER', 'MYID')) as string
  const targetId = (await target.call('CLUSTER', 'MYID')) as string
  const { host, port } = target.options
  // In this order: the source sends clients on as soon as it migrates.
  await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId)
  await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId)
  await hooks.opened?.(slot)
  for (let count = 1; ; count += 1) {
    const [key] = (await source.callBuffer('CLUSTER', 'GETKEYSINSLOT', slot, 1)) as Buffer[]
    if (key === undefined) break
    await hooks.moving?.(key, slot)
    await source.call('MIGRATE', host!, port!, key, 0, 10_000)
    await hooks.moved?.(key, count, slot)
  }
  await hooks.emptied?.(slot)
  // The target first: between the two, a source that gave the slot away would send clients to a target that refuses them.
  await target.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId)
  await source.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId)
  // Replicas refuse, and learn it from their primaries.
  await Promise.all(others.map((other) => other.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId).catch(() => undefined)))
}
