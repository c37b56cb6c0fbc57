import type { BlockChange, Clock, Outcome, Store } from '@sluice/core'
import type { StackOptions } from '@sluice/core/store-kit'
import { startWorkerd, type Workerd } from '@sluice/testing/workerd'
import type { LayersAsk, LayersCall, LayersReply } from './layers.worker.ts'

/** Two isolates, which share the objects. */
export const startLayers = (): Promise<Workerd> =>
  startWorkerd({ entry: new URL('./layers.worker.ts', import.meta.url), objects: { LIMITS: 'Limits' }, isolates: 2 })

/** Sends one request to an isolate. */
export async function request(server: Workerd, isolate: number, ask: LayersAsk, signal?: AbortSignal): Promise<LayersReply> {
  const response = await fetch(server.urls[isolate] as string, { method: 'POST', body: JSON.stringify(ask), signal: signal ?? null })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${text}\n${server.logs()}`)
  return JSON.parse(text, (_, value: unknown) => (value === 'Infinity' ? Infinity : value)) as LayersReply
}

let stores = 0
export const nextName = (): string => `layers${++stores}`

/** A store with layers that runs in an isolate, as a store of this process. */
export function layeredStore(server: Workerd, layers: StackOptions, clock: Clock): Store {
  const name = nextName()
  const call = async (
    one: LayersCall,
  ): Promise<Pick<LayersReply, 'found' | 'changed'> & { readonly outcomes: readonly (Outcome | undefined)[] }> => {
    const { replies, found, changed } = await request(server, 0, { name, layers, now: clock.now(), calls: [one] })
    const [reply] = replies
    if (reply === undefined || 'error' in reply) throw Object.assign(new Error(reply?.error), reply)
    // JSON leaves out an undefined receipt, and writes an undefined outcome as null.
    return { outcomes: reply.map((outcome) => (outcome ? { ...outcome, receipt: outcome.receipt } : undefined)), found, changed }
  }
  return {
    name: 'durable-object',
    consume: async (charges, options) => (await call({ charges, options })).outcomes,
    reset: async (targets) => (await call({ reset: targets.map((target) => ({ ...target, cost: 0 })) })).found,
    block: async (targets, ms) => (await call({ block: { targets, ms } })).changed as BlockChange,
  }
}
