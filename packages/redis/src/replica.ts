import { type Charge, type Clock, type Outcome, SluiceError, systemClock } from '@sluice/core'
import { decide } from '@sluice/core/algorithms'
import type { Redis } from 'ioredis'
import { type Connection, type RedisClient, within } from './client.ts'
import type { Keys } from './keys.ts'
import { nextCommand, RedisStoreError } from './store-error.ts'
import { decodeKept } from './transactions-states.ts'

const SHARD = 'replica'

/** Reads states from a replica: by MGET, never by a script, and writes nothing. */
export class Replica {
  readonly connection: Connection
  private readonly client: RedisClient & Pick<Redis, 'mgetBuffer'>
  private readonly keys: Keys
  private readonly clock: Clock

  /** @throws ERR_OPTION_INVALID for a client that cannot MGET */
  constructor(connection: Connection, keys: Keys, clock: Clock = systemClock) {
    const { client } = connection
    if (!canRead(client))
      throw new SluiceError('ERR_OPTION_INVALID', 'redisStore: replica: expected an ioredis client, which has mgetBuffer()')
    this.connection = connection
    this.client = client
    this.keys = keys
    this.clock = clock
  }

  /** What the replica knows, which may be a little old. By the clock of this process: a look is no decision. */
  async look(charges: readonly Charge[]): Promise<readonly (Outcome | undefined)[]> {
    const keys = charges.map((charge) => this.keys.keyOf(charge))
    const values = await this.read(keys, charges)
    const now = Math.round(this.clock.now() * 1000)
    return charges.map((charge, i) => {
      const value = values.get(keys[i] as string)
      const met = value === undefined ? undefined : decodeKept(charge.limit, value)
      return decide([{ ...charge, cost: 0 }], [0], [met], now, { how: 'peek', source: SHARD }).outcomes[0]
    })
  }

  private async read(keys: readonly string[], charges: readonly Charge[]): Promise<ReadonlyMap<string, Buffer>> {
    const command = nextCommand()
    const { client } = this
    if (client.status !== 'ready') throw new RedisStoreError(`the connection is not ready (${client.status})`, SHARD, command, false)
    const found = new Map<string, Buffer>()
    try {
      await Promise.all(
        this.slots(keys, charges).map(async (slot) => {
          const values = await within(client.mgetBuffer(...slot), this.connection.timeout)
          for (const [i, value] of values.entries()) if (value !== null) found.set(slot[i] as string, value)
        }),
      )
    } catch (cause) {
      throw new RedisStoreError(cause, SHARD, command, false)
    }
    return found
  }

  /** Keys that one MGET may name. */
  private slots(keys: readonly string[], charges: readonly Charge[]): readonly (readonly string[])[] {
    if (this.client.isCluster !== true) return [[...new Set(keys)]]
    const slots = new Map<string, Set<string>>()
    for (const [i, { subject }] of charges.entries()) {
      const tag = this.keys.tagOf(subject)
      const slot = slots.get(tag) ?? new Set<string>()
      slots.set(tag, slot.add(keys[i] as string))
    }
    return Array.from(slots.values(), (slot) => [...slot])
  }
}

function canRead(client: RedisClient): client is RedisClient & Pick<Redis, 'mgetBuffer'> {
  return typeof (client as Partial<Redis>).mgetBuffer === 'function'
}
