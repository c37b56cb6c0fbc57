import { type Charge, type Clock, type Outcome, SluiceError, systemClock } from '@sluice/core'
import { decide } from '@sluice/core/algorithms'
import { refuseBlocked } from '@sluice/core/store-kit'
import type { Redis } from 'ioredis'
import { messageOf, nextCommand, notReady, RedisStoreError } from '../errors.ts'
import type { Places } from '../executor.ts'
import type { Keys, Placement } from '../keys.ts'
import { decodeState, stateFromNumbers } from '../state/codec.ts'
import { EntryList } from '../state/entries.ts'
import { decodeEntry, fieldBytes, HEADER, packedKeyOf } from '../state/packed.ts'
import { type Connection, readyWithin, type RedisClient, within } from './connect.ts'

const SHARD = 'replica'

interface ReadStates {
  readonly states: readonly unknown[]
  readonly blockedUntil: readonly number[]
}

type ReadingClient = RedisClient & Pick<Redis, 'mgetBuffer' | 'hmgetBuffer'>

/** Reads states from a replica, by MGET and HMGET. It runs no script and writes nothing. */
export class Replica {
  private readonly timeout: number | undefined
  private readonly client: ReadingClient
  private readonly keys: Keys
  private readonly clock: Clock

  /** @throws ERR_OPTION_INVALID for a client without mgetBuffer() or hmgetBuffer() */
  constructor({ client, timeout }: Connection, keys: Keys, clock: Clock = systemClock) {
    if (!canRead(client))
      throw new SluiceError(
        'ERR_OPTION_INVALID',
        'redisStore: replica: expected an ioredis client, got a client without mgetBuffer() and hmgetBuffer()',
      )
    this.timeout = timeout
    this.client = client
    this.keys = keys
    this.clock = clock
    // A client with `lazyConnect` connects only when it is asked to, and no read waits for it.
    void readyWithin(client, 0)
  }

  /** What the replica's states would decide, by the clock of this process. The states may be older than the primary's. */
  async peek(charges: readonly Charge[]): Promise<readonly (Outcome | undefined)[]> {
    const placements = charges.map((charge) => this.keys.placementOf(charge))
    const keys = this.keys.keysOf(charges, placements)
    const blockKeys = charges.map(({ subject }, i) => this.keys.valueKeyOf(placements[i] as Placement, subject))
    const { states, blockedUntil } = await this.read(charges, { placements, keys, blockKeys })
    const now = Math.round(this.clock.now() * 1000)
    return charges.map((charge, i) => {
      const peek = [{ ...charge, cost: 0 }]
      const blocked = refuseBlocked(peek, {}, () => blockedUntil[i] ?? 0, now, SHARD)
      return (blocked ?? decide(peek, [0], [states[i]], now, { how: 'peek', source: SHARD }).outcomes)[0]
    })
  }

  /** The state of each charge, and until when its subject is blocked, in µs. */
  private async read(charges: readonly Charge[], { keys, placements, blockKeys = [] }: Places): Promise<ReadStates> {
    const command = nextCommand()
    const { client, timeout } = this
    if (client.status !== 'ready') throw notReady(client.status, SHARD, command)
    const states: unknown[] = []
    const values = new Map<string, Buffer | null>()
    try {
      await Promise.all([
        ...this.groupBySlot(charges, { keys, placements, blockKeys }).map(async (group) => {
          const read = await within(client.mgetBuffer(...group), timeout)
          for (const [i, value] of read.entries()) values.set(group[i] as string, value)
        }),
        ...placements.map(async ({ isPacked, limit }, i) => {
          if (!isPacked) return
          const { bucket, field } = packedKeyOf(keys[i] as string)
          const fields = client.hmgetBuffer(bucket, HEADER, fieldBytes(field)).catch(emptyOnWrongType)
          const [header = null, entry = null] = await within(fields, timeout)
          states[i] = decodeEntry(header, entry, limit.window as number)
        }),
      ])
    } catch (cause) {
      throw new RedisStoreError(cause, SHARD, command, false)
    }
    for (const [i, placement] of placements.entries()) {
      const value = values.get(keys[i] as string) ?? null
      if (value !== null) states[i] = stateIn(value, placement)
    }
    return { states, blockedUntil: blockKeys.map((key) => new EntryList(values.get(key as string) ?? null).blockedUntil) }
  }

  /** The keys of states that are not packed, in groups that one MGET may name. */
  private groupBySlot(charges: readonly Charge[], { keys, placements, blockKeys }: Places): readonly (readonly string[])[] {
    const groups = new Map<string, Set<string>>()
    for (const [i, { subject }] of charges.entries()) {
      const tag = this.client.isCluster === true ? this.keys.tagOf(subject) : ''
      const group = groups.get(tag) ?? new Set<string>()
      groups.set(tag, group.add(blockKeys?.[i] as string))
      if (placements[i]?.isPacked !== true) group.add(keys[i] as string)
    }
    return Array.from(groups.values(), (group) => [...group])
  }
}

function stateIn(value: Buffer, { isEntry, limit, id }: Placement): unknown {
  return isEntry ? stateFromNumbers(limit, new EntryList(value).get(id)) : decodeState(limit, value)
}

function canRead(client: RedisClient): client is ReadingClient {
  return (['mgetBuffer', 'hmgetBuffer'] as const).every((name) => typeof (client as Partial<Redis>)[name] === 'function')
}

/** A key of another type counts as absent, as MGET reads it. */
function emptyOnWrongType(cause: unknown): readonly (Buffer | null)[] {
  if (messageOf(cause).startsWith('WRONGTYPE')) return []
  throw cause
}
