import { durableObjectStore, type ObjectNamespace } from '@sluice/cloudflare'
import { type CommandEvent, observe } from '@sluice/core'
import { expect, test } from 'vitest'
import { charge } from './lab.ts'

/** Objects that answer with `status`. */
function namespaceOf(status: number): ObjectNamespace {
  return {
    idFromName: (name) => name,
    get: () => ({
      fetch: (_url, { body }) => {
        const { decisions } = JSON.parse(body) as { readonly decisions: readonly unknown[] }
        return Promise.resolve(new Response(JSON.stringify(decisions.map(() => ({ outcomes: [] }))), { status }))
      },
    }),
  }
}

test('each request to an object is an event of `observe()`, and one that failed is not ok', async () => {
  const heard: CommandEvent[] = []
  const stop = observe({ command: (event) => void heard.push(event) })
  // One object for each subject, whose names may not become shards: there could be any number.
  const good = durableObjectStore(namespaceOf(200), { objects: (subject) => subject })
  await Promise.all([good.consume([charge('a')]), good.consume([charge('a')])])
  await expect(durableObjectStore(namespaceOf(500), { objects: 1 }).consume([charge('b')])).rejects.toThrow('status 200')
  stop()
  await good.consume([charge('a')])
  const event = { type: 'command', store: 'durable-object', milliseconds: expect.any(Number) }
  expect(heard).toEqual([
    { ...event, shard: expect.stringMatching(/^sluice#\d+$/), decisions: 2, ok: true },
    { ...event, shard: 'sluice.1/0', decisions: 1, ok: false },
  ])
})
