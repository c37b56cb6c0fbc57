import { type Runtime, startRuntime } from '@sluice/testing/runtimes'
import { startWorkerd, type Workerd } from '@sluice/testing/workerd'

/** Starts a program of this folder in another runtime. */
export function startServed(name: 'bun' | 'deno', redis = ''): Promise<Runtime> {
  return startRuntime(name, new URL(`./served-${name}.ts`, import.meta.url), [redis])
}

export function startServedOnWorkerd(): Promise<Workerd> {
  // Without the flag, a Worker is not informed that its client left before the response.
  return startWorkerd({
    entry: new URL('./served-workerd.ts', import.meta.url),
    objects: { LIMITS: 'Limits' },
    compatibilityFlags: ['enable_request_signal'],
  })
}
