import { setTimeout as sleep } from 'node:timers/promises'
import type { FeedOptions } from '@sluice/policies'
import { publishPolicy, type RedisSource, type RedisSourceOptions } from '@sluice/redis'
import { type Followed, followedSource, policyText } from '@sluice/testing'
import { sourceWaiting } from '../../src/policies/redis-source.ts'

export { holdsRevision as holds, policyText as document } from '@sluice/testing'

export async function publish(
  redis: RedisSource,
  revision: number,
  namespace = 'shop',
  text = policyText(revision, namespace),
): Promise<boolean> {
  return (await publishPolicy(redis, { namespace, revision, text })).isPublished
}

/** A tenth of the wait of `redisSource`, after which it compares its place: with it, the tests would wait for most of a minute. */
const BLOCK = 500

export const followed = (redis: RedisSource, options: RedisSourceOptions = {}, feedOptions: Partial<FeedOptions> = {}): Promise<Followed> =>
  followedSource(sourceWaiting(redis, options, BLOCK), feedOptions)

/** How long a new revision took to come into force, in ms. */
export async function arrival(to: Followed, redis: RedisSource, revision: number): Promise<number> {
  const begin = performance.now()
  await publish(redis, revision)
  while (to.feed.document('shop')?.revision !== revision) {
    if (performance.now() - begin > 30_000) throw new Error(`Waited 30 s for revision ${revision}`)
    await sleep(1)
  }
  return performance.now() - begin
}
