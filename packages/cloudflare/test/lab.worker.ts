// What the tests run in workerd: a Worker with a store that HTTP requests control, and an object that can be inspected.
import type { BlockChange, Charge, Clock, ConsumeOptions, Outcome, Store } from '@sluice/core'
import { createLimiter, fixedWindow, type Limiter } from '@sluice/core'
import {
  durableObjectStore,
  type DurableObjectStoreOptions,
  type ObjectNamespace,
  type ObjectState,
  RateLimitObject,
  withLayers,
} from '@sluice/cloudflare'
import { stack } from '@sluice/core/store-kit'
import { runHistories } from '@sluice/testing/model'
import { waitUntil } from 'cloudflare:workers'
import { scoped } from './scoped.ts'

/** One call of a store. */
export type Call =
  | { readonly do: 'consume'; readonly charges: readonly Charge[]; readonly options?: ConsumeOptions | undefined }
  | { readonly do: 'reset'; readonly targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[] }
  | { readonly do: 'block'; readonly targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[]; readonly ms: number }
/** One request to the Worker: calls that it makes on one store in one turn. */
export interface Ask {
  readonly store: Omit<DurableObjectStoreOptions, 'clock' | 'objects'> & {
    readonly objects?: number | 'own' | undefined
    readonly binding?: keyof Env
  }
  /** ms since the epoch: replaces the objects' clock. */
  readonly now?: number | undefined
  readonly calls: readonly Call[]
}
/** What one call returned or threw. */
export type Reply =
  | { readonly outcomes: readonly (Outcome | undefined)[]; readonly found?: boolean; readonly block?: BlockChange | undefined }
  | { readonly error: { readonly message: string; readonly code?: string; readonly unknown?: boolean; readonly batch?: number } }

interface Env {
  readonly LIMITS: ObjectNamespace
  /** Objects that delete expired states at once. */
  readonly SHORT: ObjectNamespace
}

export class Limits extends RateLimitObject {
  private readonly state: ObjectState

  constructor(state: ObjectState) {
    super(state)
    this.state = state
  }

  override async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url)
    if (url.pathname === '/spoil') this.state.storage.sql.exec("UPDATE states SET state = '{'")
    if (url.pathname === '/') return (await super.fetch(request)) as unknown as Response
    const rows = this.state.storage.sql.exec('SELECT key, state FROM states ORDER BY key').toArray()
    return Response.json({ rows, alarm: await this.state.storage.getAlarm() })
  }
}

export class Short extends Limits {
  override readonly keepExpired = 100
}

// Trap: timers, random numbers or pending promises at module scope. With one of them the Worker would not start.
let bound: ObjectNamespace
const sharedObjects = durableObjectStore({ idFromName: (name) => bound.idFromName(name), get: (id) => bound.get(id) }, { name: 'shared' })
const hour = fixedWindow({ name: 'hour', limit: 10, window: '1h', anchor: 'first' })
const limiters = {
  shared: createLimiter({ name: 'shared', store: sharedObjects, limits: [hour] }),
  layered: createLimiter({
    name: 'layered',
    store: withLayers(sharedObjects, { waitUntil, failover: { deadline: 10_000, instances: 1 }, leases: { hot: 10 } }),
    limits: [hour],
  }),
}

/** What the objects of `guarded` do. */
let behaviour = 'decide'
// With a deadline that the application sets.
const guarded = createLimiter({
  name: 'guarded',
  store: withDeadline(
    durableObjectStore({
      idFromName: (name) => bound.idFromName(name),
      get(id) {
        if (behaviour === 'fail') return { fetch: () => Promise.reject(new Error('Durable Object is overloaded.')) }
        if (behaviour === 'hang') return { fetch: () => new Promise(() => undefined) }
        return bound.get(id)
      },
    }),
    200,
  ),
  limits: [fixedWindow({ name: 'hour', limit: 1_000, window: '1h', anchor: 'first' })],
  failMode: 'open',
  on: { warning: () => undefined },
})

function withDeadline(store: Store, ms: number): Store {
  const late = () => new Promise<never>((_, reject) => setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms))
  return {
    name: store.name,
    consume: (charges, options) => Promise.race([store.consume(charges, options), late()]),
    reset: (targets) => store.reset(targets),
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url)
    if (url.pathname === '/inspect' || url.pathname === '/spoil') {
      const namespace = env[(url.searchParams.get('binding') ?? 'LIMITS') as keyof Env]
      const object = namespace.get(namespace.idFromName(url.searchParams.get('object') ?? ''))
      return (await object.fetch(request.url, { method: 'POST', body: '' })) as unknown as Response
    }
    if (url.pathname === '/shared' || url.pathname === '/layered') return consumeShared(env, limiters[url.pathname.slice(1) as 'shared'])
    if (url.pathname === '/guarded') {
      bound = env.LIMITS
      behaviour = url.searchParams.get('objects') ?? 'decide'
      const { source, allowed } = await guarded.consume('a')
      return Response.json([source, allowed])
    }
    if (url.pathname === '/layer') return Response.json(codeOf(() => stack(durableObjectStore(env.LIMITS), {})))
    if (url.pathname === '/model') return model(env, url.searchParams)
    const { store: storeOptions, now, calls } = (await request.json()) as Ask
    const { binding = 'LIMITS', ...options } = storeOptions
    const objects = options.objects === 'own' ? (subject: string) => subject : options.objects
    const store = durableObjectStore(env[binding], { ...options, objects, clock: now === undefined ? undefined : { now: () => now } })
    const replies = await Promise.all(calls.map((call) => run(store, call)))
    return new Response(JSON.stringify(replies, (_, value: unknown) => (value === Infinity ? 'Infinity' : value)))
  },
}

/** Compares random histories with the model. It runs here, because from outside each step would be a request. */
async function model(env: Env, query: URLSearchParams): Promise<Response> {
  const make = (clock: Clock): Store => scoped(durableObjectStore(env.LIMITS, { name: 'model', objects: 1, clock }))
  const seed = query.get('seed')
  try {
    const steps = await runHistories(query.get('family') as 'mixed', Number(query.get('steps')), make, {
      seed: seed === null ? undefined : Number(seed),
    })
    return new Response(`${steps} steps`)
  } catch (error) {
    return new Response((error as Error).message)
  }
}

function codeOf(run: () => unknown): string {
  try {
    run()
    return 'none'
  } catch (error) {
    return (error as { readonly code?: string }).code ?? String(error)
  }
}

/** Uses a limiter that all requests share. */
async function consumeShared(env: Env, shared: Limiter): Promise<Response> {
  bound = env.LIMITS
  const decisions = await Promise.all([shared.consume('a'), shared.consume('a')])
  return Response.json(decisions.map(({ allowed }) => allowed))
}

async function run(store: Store, call: Call): Promise<Reply> {
  try {
    if (call.do === 'consume') return { outcomes: await store.consume(call.charges, call.options) }
    if (call.do === 'block') return { outcomes: [], block: await store.block?.(call.targets, call.ms) }
    return { outcomes: [], found: (await store.reset(call.targets)) as boolean }
  } catch (error) {
    const { message, code, unknown, batch } = error as Extract<Reply, { error: unknown }>['error']
    return { error: { message, code, unknown, batch } as Extract<Reply, { error: unknown }>['error'] }
  }
}
