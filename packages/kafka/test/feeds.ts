import { kafkaSource } from '@sluice/kafka'
import { type FeedOptions, policyFeed, type PolicyFeed } from '@sluice/policies'
import { onTestFinished } from 'vitest'
import type { Library, Topic } from './clients.ts'

/** A document. Its only limit has as many units as `units`. */
export const text = (revision: number, units = revision, namespace = 'shop'): string => `
apiVersion: sluice/v1
namespace: ${namespace}
revision: ${revision}
subjects: { address: { parts: [{ ip: true }] } }
policies:
  - name: api
    rules: [{ name: all, limits: [{ name: minute, algorithm: slidingWindow, limit: ${units}, window: 1m, subject: address }] }]
`

export interface Followed {
  readonly feed: PolicyFeed
  readonly warnings: string[]
  revision(): number | undefined
  units(): number | undefined
}

/** Follows a topic as a process does. */
export async function follow(library: Library, topic: Topic, address: string, options: Partial<FeedOptions> = {}): Promise<Followed> {
  const warnings: string[] = []
  const feed = await policyFeed({
    source: kafkaSource({ client: library.client(address), topic: topic.name }),
    startTimeout: 20_000,
    on: { warning: ({ code }) => warnings.push(code) },
    ...options,
  })
  onTestFinished(() => feed.close())
  return {
    feed,
    warnings,
    revision: () => feed.document('shop')?.revision,
    units: () => feed.document('shop')?.policies?.[0]?.rules[0]?.limits?.[0]?.limit,
  }
}
