import type { PolicySource } from '@sluice/core/store-kit'
import { type FeedOptions, policyFeed, type PolicyFeed } from '@sluice/policies'
import { onTestFinished } from 'vitest'
import { waitUntil } from '../processes/wait-until.ts'

/** A policy document with one limit, of as many units as its revision says. */
export function policyText(revision: number, namespace = 'shop', units: number = revision): string {
  return `apiVersion: sluice/v1
namespace: ${namespace}
revision: ${revision}
subjects: { address: { parts: [{ ip: true }] } }
policies:
  - name: api
    rules: [{ name: all, limits: [{ name: minute, algorithm: slidingWindow, limit: ${units}, window: 1m, subject: address }] }]
`
}

/** A feed, and what it reported. */
export interface Followed {
  readonly feed: PolicyFeed
  readonly codes: string[]
  readonly messages: string[]
  readonly changes: number[]
}

/** Follows a source as a process does, until the test ends. */
export async function followedSource(source: PolicySource, options: Partial<FeedOptions> = {}): Promise<Followed> {
  const codes: string[] = []
  const messages: string[] = []
  const changes: number[] = []
  const feed = await policyFeed({
    source,
    // A busy machine needs longer than an application would wait.
    startTimeout: 20_000,
    on: {
      warning: ({ code, message }) => {
        codes.push(code)
        messages.push(message)
      },
      change: ({ document }) => changes.push(document.revision),
    },
    ...options,
  })
  onTestFinished(() => feed.close())
  return { feed, codes, messages, changes }
}

/** Resolves when a revision is in force. */
export function holdsRevision({ feed }: Partial<Followed> & Pick<Followed, 'feed'>, revision: number, namespace = 'shop'): Promise<void> {
  return waitUntil(`revision ${revision} of ${namespace}`, () => feed.document(namespace)?.revision === revision)
}
