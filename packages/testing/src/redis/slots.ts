import type { Redis } from 'ioredis'

export const SLOTS = 16_384

/** What a test does while a slot moves. Each hook is awaited. */
export interface MoveHooks {
  /** The source is MIGRATING, the target IMPORTING; no key has moved. */
  readonly opened?: (slot: number) => unknown
  /** Before this key moves. */
  readonly moving?: (key: Buffer, slot: number) => unknown
  /** After this key has moved. `count` is the number of keys moved so far. */
  readonly moved?: (key: Buffer, count: number, slot: number) => unknown
  /** The source has no key left, but still owns the slot. */
  readonly emptied?: (slot: number) => unknown
}

/** Moves a slot as `redis-cli --cluster reshard` does, but key by key. */
export async function moveSlot(slot: number, source: Redis, target: Redis, others: readonly Redis[], hooks: MoveHooks): Promise<void> {
  const sourceId = (await source.call('CLUSTER', 'MYID')) as string
  const targetId = (await target.call('CLUSTER', 'MYID')) as string
  const { host, port } = target.options
  // The target first: the source redirects clients to it as soon as it is MIGRATING.
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
  // The target first: otherwise the source would redirect clients to a target that still refuses them.
  await target.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId)
  await source.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId)
  // Replicas refuse this command. They learn the owner from their primaries.
  await Promise.all(others.map((other) => other.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId).catch(() => undefined)))
}
