import { systemClock } from '@sluice/core'
import type { Cluster } from 'ioredis'
import type { RedisClient } from './redis-client.ts'

/** ms after which a refresh is no longer waited for. */
const REFRESH_WITHIN = 1_000

/**
 * Reads again which server has which slot. Some clients do so only after a redirection, and a server that has died redirects nobody. Adapters
 * and clients that are recognised by their shape may lack it.
 */
export async function refreshSlots(client: RedisClient): Promise<void> {
  const cluster = client as unknown as Partial<Cluster>
  if (client.isCluster !== true || typeof cluster.refreshSlotsCache !== 'function') return
  await new Promise<void>((resolve) => {
    const cancel = systemClock.after(REFRESH_WITHIN, resolve)
    cluster.refreshSlotsCache?.(() => {
      cancel()
      resolve()
    })
  })
}
