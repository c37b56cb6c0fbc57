import { type Runtime, startRuntime } from '@sluice/testing/runtimes'
import { startWorkerd, type Workerd } from '@sluice/testing/workerd'

/** A program of this folder in another runtime, with the URL of a Redis. */
export function startServed(name: 'bun' | 'deno', redis = ''): Promise<Runtime> {
  return startRuntime(name, new URL(`./served-${name}.ts`, import.meta.url), [redis])
}

export function startServedOnWorkerd(): Promise<Workerd> {
  // Without the flag, a worker is not told that its client is gone before it has answered.
  return startWorkerd({
    entry: new URL('./served-workerd.ts', import.meta.url),
    objects: { LIMITS: 'Limits' },
    compatibilityFlags: ['enable_request_signal'],
  })
}
