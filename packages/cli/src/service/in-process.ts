import { fileSource } from '@sluice/policies'
import type { Invocation } from '../command.ts'
import { readDocument } from '../files.ts'
import { hasRedis, redisOf } from '../redis/redis-option.ts'

/**
 * Runs something with a service on a free port of this machine, which ends with it: a check without a service is decided as by one.
 * @throws ERR_COMMAND_FAILED, ERR_POLICY_INVALID
 */
export async function withOwnService<T>(
  command: string,
  invocation: Invocation,
  policies: string,
  run: (url: string) => Promise<T>,
): Promise<T> {
  await readDocument(policies, invocation)
  // Loaded here, since most commands need no service.
  const { serve } = await import('@sluice/server')
  const store = hasRedis(invocation) ? await storeOf(command, invocation) : undefined
  try {
    const service = await serve({ http: { port: 0 }, policies: fileSource(policies), store, metrics: false, drain: { delay: 0 } })
    try {
      return await run(service.http?.url ?? '')
    } finally {
      await service.close()
    }
  } finally {
    await store?.close?.()
  }
}

async function storeOf(command: string, invocation: Invocation) {
  const { redisStore } = await import('@sluice/redis')
  const { source } = await redisOf(command, invocation)
  // What is shown must be what Redis says.
  return redisStore(source, { failover: false, prefix: invocation.option('prefix') })
}
