import { systemClock } from '@sluice/core'
import type { BlockingConnection, RedisClient } from './redis-client.ts'

/** An argument of a command. */
export type Argument = string | Buffer

/** Sends a command to one server. Texts in the reply may be bytes. */
export type SendToServer = (args: Argument[]) => Promise<unknown>

/** ms that a command may take. After that it is unknown whether it ran, if it was written. */
export const COMMAND_TIMEOUT = 1_000
/** ms between two looks at whether a client is ready. */
const LOOK_EVERY = 20

/**
 * A client of another library, with the methods of ioredis that the store uses. One object for each client, so that all stores share it.
 */
export abstract class AdaptedClient implements RedisClient {
  readonly options = {}
  /** As of a `Connection`: `undefined` if the adapter bounds each command itself. */
  readonly timeout: number | undefined = undefined
  abstract readonly isCluster: boolean
  /** `ready`, `reconnecting`, or `closed` while the client has not been connected, or no longer is. */
  abstract readonly status: string

  /** As of a `Connection`. */
  get risks(): readonly string[] {
    return []
  }

  /**
   * Sends a command to the server that has the key. Texts in the reply may be bytes. `isReadonly`: a replica may answer. The method may
   * change the list.
   */
  protected abstract send(key: string | undefined, isReadonly: boolean, args: Argument[]): Promise<unknown>

  abstract on(event: string, listener: () => void): this
  abstract once(event: string, listener: () => void): this
  abstract off(event: string, listener: () => void): this

  /** With `reconnect`, opens a new connection to the server of the same name. */
  abstract disconnect(reconnect?: boolean): void

  /** Resolves when the client is ready, at the latest after `ms`. Not every client has an event for it. */
  async readyWithin(ms: number): Promise<void> {
    const due = systemClock.monotonic() + ms
    for (let left = ms; left > 0 && this.status !== 'ready'; left = due - systemClock.monotonic())
      await new Promise<void>((resolve) => void systemClock.after(Math.min(left, LOOK_EVERY), resolve))
  }

  /** Sends a command that only reads to the primary that has the key. */
  read(key: string | undefined, args: Argument[]): Promise<unknown> {
    return this.send(key, false, args)
  }

  /** One for each primary, for commands without a key. */
  async servers(): Promise<readonly SendToServer[]> {
    return [(args) => this.send(undefined, false, args)]
  }

  /** A connection of its own to the same servers. `undefined` if the client opens none. */
  async openBlocking(): Promise<BlockingConnection | undefined> {
    return undefined
  }

  /** A command whose first argument is a key; or EVALSHA or EVAL: a script, the number of keys, and the keys. */
  callBuffer(command: string, args: (string | number | Buffer)[]): Promise<unknown> {
    const all: Argument[] = [command]
    for (const arg of args) all.push(typeof arg === 'number' ? String(arg) : arg)
    return this.send(String(/^eval/i.test(command) ? args[2] : args[0]), false, all)
  }

  async get(key: string): Promise<string | null> {
    return textOf(await this.send(key, false, ['GET', key]))
  }

  set(key: string, value: string, nx?: 'NX'): Promise<unknown> {
    return this.send(key, false, nx === undefined ? ['SET', key, value] : ['SET', key, value, nx])
  }

  del(key: string): Promise<unknown> {
    return this.send(key, false, ['DEL', key])
  }

  zrem(key: string, member: string): Promise<unknown> {
    return this.send(key, false, ['ZREM', key, member])
  }

  async time(): Promise<readonly string[]> {
    return ((await this.send(undefined, false, ['TIME'])) as unknown[]).map((part) => textOf(part) ?? '')
  }

  async info(section: 'memory'): Promise<string> {
    return textOf(firstOf(await this.send(undefined, false, ['INFO', section]))) ?? ''
  }

  /** The name and the value, also of a client that returns them as a map, or as a list of pairs. */
  async config(_get: 'GET', name: string): Promise<readonly (string | null)[]> {
    return [name, textOf(valueIn(await this.send(undefined, false, ['CONFIG', 'GET', name])))]
  }

  async mgetBuffer(...keys: string[]): Promise<(Buffer | null)[]> {
    return (await this.send(keys[0], true, ['MGET', ...keys])) as (Buffer | null)[]
  }

  async hmgetBuffer(key: string, ...fields: Argument[]): Promise<(Buffer | null)[]> {
    return (await this.send(key, true, ['HMGET', key, ...fields])) as (Buffer | null)[]
  }

  pipeline(): Pipeline {
    return new Pipeline((key, args) => this.send(key, false, args))
  }

  /** The store never ends a client that it did not make. */
  quit(): Promise<unknown> {
    return Promise.resolve()
  }
}

type Add = (...args: readonly (string | number)[]) => Pipeline
type Reply = readonly [error: Error | null, reply: unknown]

/** Commands that leave together, in their order. The client puts them into one write. */
class Pipeline {
  private readonly commands: string[][] = []
  private readonly send: (key: string, args: string[]) => Promise<unknown>

  constructor(send: (key: string, args: string[]) => Promise<unknown>) {
    this.send = send
  }

  readonly set: Add = this.adder('SET')
  readonly get: Add = this.adder('GET')
  readonly zremrangebyscore: Add = this.adder('ZREMRANGEBYSCORE')
  readonly zadd: Add = this.adder('ZADD')
  readonly zcard: Add = this.adder('ZCARD')
  readonly pexpire: Add = this.adder('PEXPIRE')

  async exec(): Promise<Reply[]> {
    const replies = this.commands.map((args) => this.send(args[1] as string, args))
    return Promise.all(
      replies.map((reply) =>
        reply.then(
          (value): Reply => [null, Buffer.isBuffer(value) ? value.toString() : value],
          (error: Error): Reply => [error, undefined],
        ),
      ),
    )
  }

  private adder(command: string): Add {
    return (...args) => {
      this.commands.push([command, ...args.map(String)])
      return this
    }
  }
}

function textOf(reply: unknown): string | null {
  return typeof reply === 'string' ? reply : Buffer.isBuffer(reply) ? reply.toString() : null
}

/** The reply of one node, from a client that asks them all. */
function firstOf(reply: unknown): unknown {
  if (typeof reply !== 'object' || reply === null || Buffer.isBuffer(reply)) return reply
  const values = reply instanceof Map ? [...reply.values()] : Object.values(reply)
  return firstOf((values[0] as { readonly value?: unknown } | undefined)?.value ?? values[0])
}

/** The value in a list of a name and its value, in a map of one name, or in a list of one such pair. */
function valueIn(reply: unknown): unknown {
  if (reply instanceof Map) return [...reply.values()][0]
  if (!Array.isArray(reply)) return typeof reply === 'object' && reply !== null ? Object.values(reply)[0] : undefined
  const [first, second] = reply as readonly unknown[]
  if (second !== undefined || first === undefined) return second
  return Array.isArray(first) ? first[1] : (first as { readonly value?: unknown }).value
}
