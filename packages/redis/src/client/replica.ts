import { type Charge, type Clock, type Limit, type Outcome, SluiceError, systemClock } from '@sluice/core'
import { decide } from '@sluice/core/algorithms'
import type { Redis } from 'ioredis'
import { type Connection, type RedisClient, within } from './connect.ts'
import type { Keys } from '../keys.ts'
import { decodeEntry, fieldBytes, HEADER, placeOf } from '../state/packed.ts'
import { messageOf, nextCommand, RedisStoreError } from '../errors.ts'
import { decodeKept } from '../state/codec.ts'

const SHARD = 'replica'

type Reading = Pick<Redis, 'mgetBuffer' | 'hmgetBuffer'>

/** Reads states from a replica: by MGET and HMGET, never by a script, and writes nothing. */
export class Replica {
  readonly connection: Connection
  private readonly client: RedisClient & Reading
  private readonly keys: Keys
  private readonly clock: Clock

  /** @throws ERR_OPTION_INVALID for a client that cannot MGET or HMGET */
  constructor(connection: Connection, keys: Keys, clock: Clock = systemClock) {
    const { client } = connection
    if (!canRead(client))
      throw new SluiceError(
        'ERR_OPTION_INVALID',
        'redisStore: replica: expected an ioredis client, which has mgetBuffer() and hmgetBuffer()',
      )
    this.connection = connection
    this.client = client
    this.keys = keys
    this.clock = clock
  }

  /** What the replica knows, which may be a little old. By the clock of this process: a look is no decision. */
  async look(charges: readonly Charge[]): Promise<readonly (Outcome | undefined)[]> {
    const keys = charges.map((charge) => this.keys.keyOf(charge))
    const states = await this.read(keys, charges)
    const now = Math.round(this.clock.now() * 1000)
    return charges.map((charge, i) => {
      const met = states.get(keys[i] as string)
      return decide([{ ...charge, cost: 0 }], [0], [met], now, { how: 'peek', source: SHARD }).outcomes[0]
    })
  }

  private async read(keys: readonly string[], charges: readonly Charge[]): Promise<ReadonlyMap<string, unknown>> {
    const command = nextCommand()
    const { client } = this
    if (client.status !== 'ready') throw new RedisStoreError(`the connection is not ready (${client.status})`, SHARD, command, false)
    const found = new Map<string, unknown>()
    const limits = new Map(charges.map(({ limit }, i) => [keys[i] as string, limit]))
    const packed = Array.from(limits).filter(([, limit]) => this.keys.isPacked?.(limit) === true)
    try {
      await Promise.all([
        ...this.slots(keys, charges).map(async (slot) => {
          const values = await within(client.mgetBuffer(...slot), this.connection.timeout)
          for (const [i, value] of values.entries()) {
            const key = slot[i] as string
            if (value !== null) found.set(key, decodeKept(limits.get(key) as Limit, value))
          }
        }),
        ...packed.map(async ([key, { window }]) => {
          const { key: bucket, field } = placeOf(key)
          const asked = client.hmgetBuffer(bucket, HEADER, fieldBytes(field)).catch(nothingOfWrongType)
          const [header = null, entry = null] = await within(asked, this.connection.timeout)
          found.set(key, decodeEntry(header, entry, window as number))
        }),
      ])
    } catch (cause) {
      throw new RedisStoreError(cause, SHARD, command, false)
    }
    return found
  }

  /** Keys that one MGET may name: of states that are not packed. */
  private slots(keys: readonly string[], charges: readonly Charge[]): readonly (readonly string[])[] {
    const slots = new Map<string, Set<string>>()
    for (const [i, { limit, subject }] of charges.entries()) {
      if (this.keys.isPacked?.(limit) === true) continue
      const tag = this.client.isCluster === true ? this.keys.tagOf(subject) : ''
      const slot = slots.get(tag) ?? new Set<string>()
      slots.set(tag, slot.add(keys[i] as string))
    }
    return Array.from(slots.values(), (slot) => [...slot])
  }
}

function canRead(client: RedisClient): client is RedisClient & Reading {
  return (['mgetBuffer', 'hmgetBuffer'] as const).every((name) => typeof (client as Partial<Redis>)[name] === 'function')
}

/** As MGET reads it. */
function nothingOfWrongType(cause: unknown): readonly (Buffer | null)[] {
  if (messageOf(cause).startsWith('WRONGTYPE')) return []
  throw cause
}
