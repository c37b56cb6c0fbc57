import {
  type BlockChange,
  type Charge,
  type Clock,
  concurrency,
  fixedWindow,
  leakyBucket,
  type Limit,
  type Outcome,
  slidingLog,
} from '@sluice/core'
import { slidingWindow, type Store, tokenBucket } from '@sluice/core'
import { startWorkerd, type Workerd } from '@sluice/testing/workerd'
import type { Ask, Call, Reply } from './lab.worker.ts'
import { scoped } from './scoped.ts'

/** One of each algorithm, all with 10 units. */
export const LIMITS: readonly Limit[] = [
  fixedWindow({ name: 'fixed', limit: 10, window: '1m', anchor: 'first' }).limit,
  slidingWindow({ name: 'sliding', limit: 10, window: '1m' }).limit,
  slidingLog({ name: 'log', limit: 10, window: '1m' }).limit,
  tokenBucket({ name: 'token', limit: 10, window: '1m' }).limit,
  leakyBucket({ name: 'leaky', limit: 10, window: '1m' }).limit,
  concurrency({ name: 'concurrency', limit: 10, ttl: '1m' }).limit,
]
/** Ten units from the first charge on, so that no window ends during a test. */
export const TEN_UNITS: Limit = LIMITS[0] as Limit

export function charge(subject: string, limit: Limit = TEN_UNITS, cost = 1): Charge {
  return { limit, scope: `p+${limit.name}.${limit.algorithm}`, subject, cost }
}

export const startLab = (): Promise<Workerd> =>
  startWorkerd({ entry: new URL('./lab.worker.ts', import.meta.url), objects: { LIMITS: 'Limits', SHORT: 'Short' } })

/** Sends calls to the store in the Worker, which makes them in one turn; returns its replies. */
export async function ask(server: Workerd, calls: readonly Call[], store: Ask['store'] = {}, now?: number): Promise<readonly Reply[]> {
  const response = await fetch(server.url, { method: 'POST', body: JSON.stringify({ store, now, calls } satisfies Ask) })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${text}\n${server.logs()}`)
  return JSON.parse(text, (_, value: unknown) => (value === 'Infinity' ? Infinity : value)) as readonly Reply[]
}

/** The outcomes of one `consume`; throws if the store rejects. */
export async function take(server: Workerd, charges: Charge | readonly Charge[], store?: Ask['store']): Promise<readonly Outcome[]> {
  const all = Array.isArray(charges) ? (charges as readonly Charge[]) : [charges as Charge]
  const [reply] = await ask(server, [{ do: 'consume', charges: all }], store)
  if (reply === undefined || 'error' in reply) throw new Error(reply?.error.message)
  return reply.outcomes as readonly Outcome[]
}

/** The units counted now. */
export async function used(server: Workerd, subject: string, limit: Limit = TEN_UNITS, store?: Ask['store']): Promise<number> {
  const [reply] = await ask(server, [{ do: 'consume', charges: [charge(subject, limit)], options: { how: 'peek' } }], store)
  if (reply === undefined || 'error' in reply) throw new Error(reply?.error.message)
  return limit.limit - (reply.outcomes[0] as Outcome).remaining
}

/** The rows and the alarm of an object. */
export async function inspect(
  server: Workerd,
  object: string,
  binding = 'LIMITS',
): Promise<{ readonly rows: readonly { readonly key: string; readonly state: string }[]; readonly alarm: number | null }> {
  return (await fetch(`${server.url}/inspect?object=${encodeURIComponent(object)}&binding=${binding}`)).json() as never
}

/** The store that runs in the Worker, as a store of this process: arguments and outcomes cross as JSON. */
export function remoteStore(server: Workerd, store: Ask['store'], clock: Clock): Store {
  const call = async (one: Call): Promise<Exclude<Reply, { error: unknown }>> => {
    const [reply] = await ask(server, [one], store, clock.now())
    if (reply === undefined || 'error' in reply) throw Object.assign(new Error(reply?.error.message), reply?.error)
    // JSON leaves out an undefined receipt, and writes an undefined outcome as null.
    return { ...reply, outcomes: reply.outcomes.map((outcome) => (outcome ? { ...outcome, receipt: outcome.receipt } : undefined)) }
  }
  return scoped({
    name: 'durable-object',
    consume: async (charges, options) => (await call({ do: 'consume', charges, options })).outcomes,
    reset: async (targets) => (await call({ do: 'reset', targets })).found,
    block: async (targets, ms) => (await call({ do: 'block', targets, ms })).block as BlockChange,
  })
}
