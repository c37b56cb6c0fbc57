import { createHash } from 'node:crypto'
import type { PublishOptions } from '@sluice/redis'
import { redisPlace } from './redis-place.ts'
import { type DocumentSet, storeWriter } from './store-writer.ts'
import type { PolicyWriter } from './writer.ts'

/** The documents that `redisSource` follows, at `redis://user:password@host:6379/0?key=sluice:policies`: a server, or any node of a Cluster. */
export async function redisWriter(to: string): Promise<PolicyWriter> {
  // Loaded here, since most commands need no Redis.
  const { publishPolicy, redisSource } = await import('@sluice/redis')
  const url = new URL(to)
  const key = url.searchParams.get('key') ?? 'sluice:policies'
  url.searchParams.delete('key')
  // A command that waits for ever is of no use; a person reads the reason and calls again.
  const redis = await redisPlace({ url: url.href, options: { retryStrategy: () => null, maxRetriesPerRequest: 0 } })
  const setOf = (own: string, fieldOf: (namespace: string, revision: number) => string): DocumentSet => ({
    async load() {
      const source = redisSource(redis, { key: own })
      try {
        return (await source.load(new AbortController().signal)).documents.map(({ text }) => text)
      } finally {
        await source.close?.()
      }
    },
    publish({ namespace, revision, text }, previous) {
      const options: PublishOptions = { key: own, namespace: fieldOf(namespace, revision), revision, text, previous }
      return publishPolicy(redis, options)
    },
  })
  const current = setOf(key, (namespace) => namespace)
  // Each revision has a field of its own. A namespace may be as long as a field.
  const kept = setOf(
    `${key}:history`,
    (namespace, revision) => `r${revision}.${createHash('sha256').update(namespace).digest('hex').slice(0, 32)}`,
  )
  url.password = ''
  url.username = ''
  return storeWriter(`${url.href} (${key})`, current, kept, () => {})
}
