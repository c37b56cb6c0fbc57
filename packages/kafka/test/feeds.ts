import { kafkaSource } from '@sluice/kafka'
import type { FeedOptions, PolicyFeed } from '@sluice/policies'
import { followedSource, policyText } from '@sluice/testing'
import type { Library, Topic } from './clients.ts'

/** A document. Its only limit has as many units as `units`. */
export const text = (revision: number, units: number = revision, namespace = 'shop'): string => policyText(revision, namespace, units)

export interface Followed {
  readonly feed: PolicyFeed
  readonly warnings: string[]
  revision(): number | undefined
  units(): number | undefined
}

/** Follows a topic as a process does. */
export async function follow(library: Library, topic: Topic, address: string, options: Partial<FeedOptions> = {}): Promise<Followed> {
  const source = kafkaSource({ client: library.client(address), topic: topic.name })
  const { feed, codes } = await followedSource(source, options)
  return {
    feed,
    warnings: codes,
    revision: () => feed.document('shop')?.revision,
    units: () => feed.document('shop')?.policies?.[0]?.rules[0]?.limits?.[0]?.limit,
  }
}
