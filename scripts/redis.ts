// Makes sure that there is a redis-server for the tests, also by itself: `node scripts/redis.ts`. Root on a system with apt gets it
// installed. Everybody else gets the command to type, and the tests that need Redis fail with the same command.
import { ensureInstalled, problemOf } from './apt.ts'

export function ensureRedis(): Promise<void> {
  // The package starts a service on port 6379, which the tests do not use.
  return ensureInstalled({ packages: ['redis-server'], services: ['redis-server'], variables: ['SLUICE_REDIS_SERVER'] }, () =>
    problemOf('redis/server-binary.ts', 'redisServerBinary'),
  )
}

if (import.meta.main) await ensureRedis()
