// Sluice on Redis: one store, shared by every process that connects to it.
export { redisStore, type RedisStoreOptions } from './redis-store.ts'
export type { RedisClient, RedisSource } from './client.ts'
export { RedisStoreError } from './store-error.ts'
