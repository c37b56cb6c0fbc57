import { setTimeout as sleep } from 'node:timers/promises'
import { type FeedOptions, policyFeed, type PolicyFeed } from '@sluice/policies'
import { publishPolicy, type RedisSource, redisSource, type RedisSourceOptions } from '@sluice/redis'
import { waitUntil } from '@sluice/testing/redis'
import { onTestFinished } from 'vitest'

/** A document with one limit of as many units as its revision says. */
export function document(revision: number, namespace = 'shop', units = revision): string {
  return `apiVersion: sluice/v1
namespace: ${namespace}
revision: ${revision}
subjects: { address: { parts: [{ ip: true }] } }
policies:
  - name: api
    rules: [{ name: all, limits: [{ name: minute, algorithm: slidingWindow, limit: ${units}, window: 1m, subject: address }] }]
`
}

export async function publish(
  redis: RedisSource,
  revision: number,
  namespace = 'shop',
  text = document(revision, namespace),
): Promise<boolean> {
  return (await publishPolicy(redis, { namespace, revision, text })).isPublished
}

/** A feed and what it reported. */
export interface Followed {
  readonly feed: PolicyFeed
  readonly codes: string[]
  readonly messages: string[]
  readonly changes: number[]
}

export async function followed(
  redis: RedisSource,
  options: RedisSourceOptions = {},
  feedOptions: Partial<FeedOptions> = {},
): Promise<Followed> {
  const codes: string[] = []
  const messages: string[] = []
  const changes: number[] = []
  const feed = await policyFeed({
    source: redisSource(redis, options),
    // A busy machine needs longer than an application would wait.
    startTimeout: 20_000,
    on: {
      warning: ({ code, message }) => {
        codes.push(code)
        messages.push(message)
      },
      change: ({ document: { revision } }) => changes.push(revision),
    },
    ...feedOptions,
  })
  onTestFinished(() => feed.close())
  return { feed, codes, messages, changes }
}

export const holds = ({ feed }: Followed, revision: number, namespace = 'shop'): Promise<void> =>
  waitUntil(`revision ${revision} of ${namespace}`, () => feed.document(namespace)?.revision === revision)

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
