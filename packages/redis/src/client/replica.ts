import { type Charge, type Clock, type Limit, type Outcome, SluiceError, systemClock } from '@sluice/core'
import { decide } from '@sluice/core/algorithms'
import type { Redis } from 'ioredis'
import { messageOf, nextCommand, notReady, RedisStoreError } from '../errors.ts'
import type { Keys } from '../keys.ts'
import { decodeState } from '../state/codec.ts'
import { decodeEntry, fieldBytes, HEADER, packedKeyOf } from '../state/packed.ts'
import { type Connection, type RedisClient, within } from './connect.ts'

const SHARD = 'replica'

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
  }

  /** What the replica's states would decide, by the clock of this process. The states may be older than the primary's. */
  async peek(charges: readonly Charge[]): Promise<readonly (Outcome | undefined)[]> {
    const keys = charges.map((charge) => this.keys.keyOf(charge))
    const states = await this.read(keys, charges)
    const now = Math.round(this.clock.now() * 1000)
    return charges.map((charge, i) => {
      const state = states.get(keys[i] as string)
      return decide([{ ...charge, cost: 0 }], [0], [state], now, { how: 'peek', source: SHARD }).outcomes[0]
    })
  }

  private async read(keys: readonly string[], charges: readonly Charge[]): Promise<ReadonlyMap<string, unknown>> {
    const command = nextCommand()
    const { client, timeout } = this
    if (client.status !== 'ready') throw notReady(client.status, SHARD, command)
    const states = new Map<string, unknown>()
    const limits = new Map(charges.map(({ limit }, i) => [keys[i] as string, limit]))
    const packed = Array.from(limits).filter(([, limit]) => this.keys.isPacked?.(limit) === true)
    try {
      await Promise.all([
        ...this.groupBySlot(keys, charges).map(async (group) => {
          const values = await within(client.mgetBuffer(...group), timeout)
          for (const [i, value] of values.entries()) {
            const key = group[i] as string
            if (value !== null) states.set(key, decodeState(limits.get(key) as Limit, value))
          }
        }),
        ...packed.map(async ([key, { window }]) => {
          const { bucket, field } = packedKeyOf(key)
          const fields = client.hmgetBuffer(bucket, HEADER, fieldBytes(field)).catch(emptyOnWrongType)
          const [header = null, entry = null] = await within(fields, timeout)
          states.set(key, decodeEntry(header, entry, window as number))
        }),
      ])
    } catch (cause) {
      throw new RedisStoreError(cause, SHARD, command, false)
    }
    return states
  }

  /** The keys of states that are not packed, in groups that one MGET may name. */
  private groupBySlot(keys: readonly string[], charges: readonly Charge[]): readonly (readonly string[])[] {
    const groups = new Map<string, Set<string>>()
    for (const [i, { limit, subject }] of charges.entries()) {
      if (this.keys.isPacked?.(limit) === true) continue
      const tag = this.client.isCluster === true ? this.keys.tagOf(subject) : ''
      const group = groups.get(tag) ?? new Set<string>()
      groups.set(tag, group.add(keys[i] as string))
    }
    return Array.from(groups.values(), (group) => [...group])
  }
}

function canRead(client: RedisClient): client is ReadingClient {
  return (['mgetBuffer', 'hmgetBuffer'] as const).every((name) => typeof (client as Partial<Redis>)[name] === 'function')
}

/** A key of another type counts as absent, as MGET reads it. */
function emptyOnWrongType(cause: unknown): readonly (Buffer | null)[] {
  if (messageOf(cause).startsWith('WRONGTYPE')) return []
  throw cause
}
