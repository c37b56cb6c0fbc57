import type { RedisClient } from './redis-client.ts'

const records = new WeakMap<object, { error: Error | undefined }>()

type Listener = (error: Error & { readonly lastNodeError?: Error }) => void

/**
 * Remembers the last error of the client's connections until it is ready again. An `error` event without a listener would end the process,
 * or be printed with its stack.
 */
export function watchErrors(client: RedisClient): void {
  // A client that is recognised by its shape may lack events. Then it has no `error` events either.
  if (records.has(client) || typeof (client as Partial<RedisClient>).on !== 'function') return
  const record: { error: Error | undefined } = { error: undefined }
  records.set(client, record)
  // A Cluster client says only that no node could be reached. The error of a node says why.
  const remember: Listener = (error) => (record.error = explained(error?.lastNodeError ?? error, client))
  client.on('error', remember as () => void)
  if (client.isCluster === true) client.on('node error', remember as () => void)
  client.on('ready', () => (record.error = undefined))
}

/** A port without TLS does not answer a client with TLS at all. */
function explained(error: Error, { options, isCluster }: RedisClient): Error {
  const { redisOptions, tls } = (options ?? {}) as { readonly tls?: unknown; readonly redisOptions?: { readonly tls?: unknown } }
  if (error?.message !== 'connect ETIMEDOUT' || !(isCluster === true ? redisOptions?.tls : tls)) return error
  return new Error(`${error.message}; the client uses TLS, so check that the port does`, { cause: error })
}

/** Lets `lastErrorOf` take a view of the client as well. */
export function shareErrors(client: RedisClient, view: RedisClient): void {
  const record = records.get(client)
  if (record !== undefined) records.set(view, record)
}

export function lastErrorOf(client: RedisClient): Error | undefined {
  return records.get(client)?.error
}
