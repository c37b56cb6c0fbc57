// Sluice on Redis: one store, shared by every process that connects to it.
export { redisStore } from './redis-store.ts'
export type { PackedOptions, RedisStoreOptions } from './options.ts'
export type { RedisClient, RedisSource } from './client/connect.ts'
export { type RedisAnswer, RedisStoreError } from './errors.ts'
export { REDIS_CODES } from './codes.ts'
