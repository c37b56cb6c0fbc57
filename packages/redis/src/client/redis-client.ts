/**
 * The part of an ioredis `Redis` or `Cluster` that the store uses. Clients are recognised by this shape, because two copies of ioredis in
 * `node_modules` have two classes. Clients of iovalkey have the same shape.
 */
export interface RedisClient {
  callBuffer(command: string, args: (string | number | Buffer)[]): Promise<unknown>
  get(key: string): Promise<string | null>
  set(key: string, value: string): Promise<unknown>
  set(key: string, value: string, nx: 'NX'): Promise<unknown>
  pipeline?(): object
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

/**
 * The part of a client of node-redis 5 or newer by which the store recognises it: `createClient()`, `createCluster()`, `createSentinel()` or
 * `createClientPool()` of the package `redis`. The parameters of its methods differ among the four.
 */
export interface NodeRedisClient {
  readonly isOpen: boolean
  sendCommand(...args: never[]): Promise<unknown>
  withTypeMapping(mapping: never): unknown
}

/** The part of a `GlideClient` or `GlideClusterClient` of `@valkey/valkey-glide` by which the store recognises it. */
export interface GlideClient {
  customCommand(...args: never[]): Promise<unknown>
  invokeScript(...args: never[]): Promise<unknown>
}

/** A connection of its own, for a command that waits on the server: no other command can pass it. */
export interface BlockingConnection {
  /** Sends a command, whose name is in lower case, to the server that has the key. */
  command(key: string, args: readonly string[]): Promise<unknown>
  close(): void
}
