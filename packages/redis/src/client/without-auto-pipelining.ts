import type { RedisClient } from './redis-client.ts'

/** What a call of these does depends on the options of the object on which it is called. */
const READ_OPTIONS: ReadonlySet<string | symbol> = new Set([
  'callBuffer',
  'set',
  'config',
  'time',
  'zrem',
  'del',
  'mgetBuffer',
  'hmgetBuffer',
  'info',
  'asking',
  'pipeline',
  'multi',
  'duplicate',
])

const views = new WeakMap<object, object>()

/**
 * The client, or with `enableAutoPipelining` a view of it that sends each command at once. ioredis cannot put the store's commands into
 * its automatic pipelines: the exception is outside any promise, and ends the process. The store makes its own batches. The caller's
 * commands on the client are pipelined as before.
 */
export function withoutAutoPipelining<T extends Pick<RedisClient, 'options'>>(client: T): T {
  // Any value that is true counts, since the query of a URL sets the text "true".
  const given = client.options as { readonly enableAutoPipelining?: unknown } | undefined
  if (!given?.enableAutoPipelining) return client
  let view = views.get(client) as T | undefined
  if (view === undefined) {
    const options = { ...given, enableAutoPipelining: false }
    view = new Proxy(client, {
      get(target, name) {
        if (name === 'options') return options
        const value: unknown = Reflect.get(target, name, target)
        // Events, the connection and `sendCommand` belong to the client itself.
        return typeof value !== 'function' || READ_OPTIONS.has(name) ? value : (value.bind(target) as unknown)
      },
    })
    views.set(client, view)
  }
  return view
}
