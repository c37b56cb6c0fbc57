// The stores on runtimes that support ioredis. The program's argument is the URL of a Redis.
import { type Clock, memoryStore, type Store } from '@sluice/core'
import { redisStore } from '@sluice/redis'

let made = 0

export const storesOn = (runtime: string, redis = ''): Readonly<Record<string, (clock: Clock) => Store>> => ({
  memory: (clock) => memoryStore({ clock }),
  redis: (clock) => redisStore({ url: redis }, { prefix: `${runtime}${++made}`, clock }),
})
