import type { Redis } from 'ioredis'

/**
 * The part of an ioredis `Redis` or `Cluster` that the store uses. Clients are recognised by this shape, because two copies of ioredis in
 * `node_modules` have two classes.
 */
export interface RedisClient {
  callBuffer(command: string, args: (string | number)[]): Promise<unknown>
  get(key: string): Promise<string | null>
  set(key: string, value: string): Promise<unknown>
  set(key: string, value: string, nx: 'NX'): Promise<unknown>
  pipeline?(): ReturnType<Redis['pipeline']>
  config?(get: 'GET', name: string): Promise<unknown>
  info?(section: 'memory'): Promise<string>
  connect?(): Promise<void>
  on(event: string, listener: () => void): unknown
  once(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
  disconnect(reconnect?: boolean): void
  quit(): Promise<unknown>
  readonly status: string
  readonly isCluster?: boolean
  readonly options: object
}
