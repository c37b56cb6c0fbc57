// What the tests of the layers run in workerd, in two isolates: stores with layers, kept over requests, over objects that can be made to fail.
import { durableObjectStore, type ObjectNamespace, type ObjectState, RateLimitObject } from '@sluice/cloudflare'
import type { BlockChange, Charge, Clock, ConsumeOptions, Outcome, Store, StoreEvent } from '@sluice/core'
import { stack, type StackOptions } from '@sluice/core/store-kit'
import { waitUntil } from 'cloudflare:workers'

/** What the objects do to a call: `reset` is a real reset of the object. */
export type Fault = 'none' | 'overloaded' | 'code updated' | 'hang' | 'lost answer' | 'reset'

/** One request to a Worker. */
export interface LayersAsk {
  /** Stores are kept by this name, in each isolate. */
  readonly name: string
  readonly layers: StackOptions
  /** ms since the epoch: the clock of the layers and of the objects. Default: the real ones. */
  readonly now?: number | undefined
  readonly fault?: Fault | undefined
  /** Made one after the other. */
  readonly calls: readonly LayersCall[]
  /** The isolate forgets the store first, with its leases, as one that dies. */
  readonly dies?: boolean | undefined
}
export interface LayersCall {
  readonly charges?: readonly Charge[] | undefined
  readonly reset?: readonly Charge[] | undefined
  readonly block?: { readonly targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[]; readonly ms: number } | undefined
  readonly options?: ConsumeOptions | undefined
  /** How often the call is made, each after the one before. Default 1. */
  readonly times?: number | undefined
}
export interface LayersReply {
  readonly replies: readonly (readonly (Outcome | undefined)[] | { readonly error: string; readonly code?: string })[]
  /** The events of the store since it was made. */
  readonly events: readonly StoreEvent[]
  /** Requests to objects since the store was made. */
  readonly sent: number
  readonly health: unknown
  /** What the last reset answered. */
  readonly found?: boolean | undefined
  /** What the last block answered. */
  readonly changed?: BlockChange | undefined
  /** ms that the calls took, by the clock of the isolate. */
  readonly took: number
}

interface Env {
  readonly LIMITS: ObjectNamespace
}

export class Limits extends RateLimitObject {
  private readonly state: ObjectState & { abort(reason: string): void }

  constructor(state: ObjectState & { abort(reason: string): void }) {
    super(state)
    this.state = state
  }

  override async fetch(request: Request): Promise<Response> {
    // The runtime ends the object, as it does for a new version of its code. Its storage stays.
    if (new URL(request.url).pathname === '/reset') this.state.abort('Durable Object reset because its code was updated.')
    return (await super.fetch(request)) as unknown as Response
  }
}

interface Kept {
  readonly store: Store
  readonly events: StoreEvent[]
  sent: number
  fault: Fault
  now: number | undefined
  found?: boolean | undefined
  changed?: BlockChange | undefined
}
const kept = new Map<string, Kept>()

function keptStore(env: Env, { name, layers, now }: LayersAsk): Kept {
  const known = kept.get(name)
  if (known !== undefined) return known
  const one: Kept = { store: undefined as never, events: [], sent: 0, fault: 'none', now }
  const clock: Clock | undefined = now === undefined ? undefined : { now: () => one.now as number }
  const objects = durableObjectStore(faulty(env.LIMITS, one), { name, objects: 4, clock })
  Object.assign(one, { store: stack(objects, layers, { clock, waitUntil }) })
  one.store.subscribe?.((event) => one.events.push(event))
  kept.set(name, one)
  return one
}

/** The objects of `env`, which do what `one.fault` says. Stubs are of the present request. */
function faulty(objects: ObjectNamespace, one: Kept): ObjectNamespace {
  return {
    idFromName: (name) => objects.idFromName(name),
    get(id, options) {
      const stub = objects.get(id, options)
      return {
        async fetch(url, init) {
          one.sent += 1
          if (one.fault === 'overloaded')
            throw Object.assign(new Error('Durable Object is overloaded. Too many requests queued.'), { overloaded: true })
          if (one.fault === 'code updated') throw new Error('Durable Object reset because its code was updated.')
          if (one.fault === 'hang') return new Promise(() => undefined)
          if (one.fault === 'reset') return stub.fetch('https://sluice.invalid/reset', init)
          const answer = await stub.fetch(url, init)
          if (one.fault === 'lost answer') throw new Error('Network connection lost.')
          return answer
        },
      }
    },
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const ask = (await request.json()) as LayersAsk
    if (ask.dies === true) kept.delete(ask.name)
    const one = keptStore(env, ask)
    one.fault = ask.fault ?? 'none'
    one.now = ask.now
    const began = Date.now()
    const replies: LayersReply['replies'][number][] = []
    for (const call of ask.calls) for (let i = 0; i < (call.times ?? 1); i++) replies.push(await run(one, call))
    const took = Date.now() - began
    const { events, sent, store, found, changed } = one
    const reply: LayersReply = { replies, events, sent, health: store.health?.(), found, changed, took }
    return new Response(JSON.stringify(reply, (_, value: unknown) => (value === Infinity ? 'Infinity' : value)))
  },
}

async function run(one: Kept, { charges, reset, block, options }: LayersCall): Promise<LayersReply['replies'][number]> {
  try {
    if (reset !== undefined) one.found = (await one.store.reset(reset)) as boolean
    if (block !== undefined) one.changed = (await one.store.block?.(block.targets, block.ms)) as BlockChange
    return await one.store.consume(charges ?? [], options)
  } catch (error) {
    const { message, code } = error as { message: string; code?: string }
    return { error: message, ...(code === undefined ? {} : { code }) }
  }
}
