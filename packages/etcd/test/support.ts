import { setTimeout as sleep } from 'node:timers/promises'
import { type EtcdSourceOptions, etcdSource } from '@sluice/etcd'
import { type FeedOptions, policyFeed, type PolicyFeed } from '@sluice/policies'
import { waitUntil } from '@sluice/testing/processes'
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

/** A feed and what it reported. */
export interface Followed {
  readonly feed: PolicyFeed
  readonly codes: string[]
  readonly messages: string[]
  readonly changes: number[]
}

export async function followed(options: EtcdSourceOptions, feedOptions: Partial<FeedOptions> = {}): Promise<Followed> {
  const codes: string[] = []
  const messages: string[] = []
  const changes: number[] = []
  const feed = await policyFeed({
    source: etcdSource(options),
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

export const holds = ({ feed }: Pick<Followed, 'feed'>, revision: number, namespace = 'shop'): Promise<void> =>
  waitUntil(`revision ${revision} of ${namespace}`, () => feed.document(namespace)?.revision === revision)

/** Until the watch is open: a change right after the start would come by the load. */
export const settled = (): Promise<void> => sleep(300)
