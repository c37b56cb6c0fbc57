import { type Charge, type Clock, concurrency, fixedWindow, leakyBucket, type Limit, type Outcome, slidingLog } from '@sluice/core'
import { slidingWindow, type Store, tokenBucket } from '@sluice/core'
import { startWorkerd, type Workerd } from '@sluice/testing/workerd'
import type { Ask, Call, Told } from './lab.worker.ts'
import { scoped } from './scoped.ts'

/** One of each algorithm, all with 10 units. */
export const SIX: readonly Limit[] = [
  fixedWindow({ name: 'fixed', limit: 10, window: '1m', anchor: 'first' }).limit,
  slidingWindow({ name: 'sliding', limit: 10, window: '1m' }).limit,
  slidingLog({ name: 'log', limit: 10, window: '1m' }).limit,
  tokenBucket({ name: 'token', limit: 10, window: '1m' }).limit,
  leakyBucket({ name: 'leaky', limit: 10, window: '1m' }).limit,
  concurrency({ name: 'concurrency', limit: 10, ttl: '1m' }).limit,
]
/** Ten from the first one on: no edge of a window comes between. */
export const TEN: Limit = SIX[0] as Limit

export function charge(subject: string, limit: Limit = TEN, cost = 1): Charge {
  return { limit, scope: `p/${limit.name}/${limit.algorithm}`, subject, cost }
}

export const startLab = (): Promise<Workerd> =>
  startWorkerd({ entry: new URL('./lab.worker.ts', import.meta.url), objects: { LIMITS: 'Limits', SHORT: 'Short' } })

/** What the store in the Worker answers to calls of one turn. */
export async function ask(server: Workerd, calls: readonly Call[], store: Ask['store'] = {}, now?: number): Promise<readonly Told[]> {
  const response = await fetch(server.url, { method: 'POST', body: JSON.stringify({ store, now, calls } satisfies Ask) })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${text}\n${server.logs()}`)
  return JSON.parse(text, (_, value: unknown) => (value === 'Infinity' ? Infinity : value)) as readonly Told[]
}

/** The outcomes of one consume; fails when there are none. */
export async function take(server: Workerd, charges: Charge | readonly Charge[], store?: Ask['store']): Promise<readonly Outcome[]> {
  const all = Array.isArray(charges) ? (charges as readonly Charge[]) : [charges as Charge]
  const [told] = await ask(server, [{ do: 'consume', charges: all }], store)
  if (told === undefined || 'error' in told) throw new Error(told?.error.message)
  return told.outcomes as readonly Outcome[]
}

/** Units that are counted now. */
export async function used(server: Workerd, subject: string, limit: Limit = TEN, store?: Ask['store']): Promise<number> {
  const [told] = await ask(server, [{ do: 'consume', charges: [charge(subject, limit)], options: { how: 'peek' } }], store)
  if (told === undefined || 'error' in told) throw new Error(told?.error.message)
  return limit.limit - (told.outcomes[0] as Outcome).remaining
}

/** What an object holds. */
export async function look(
  server: Workerd,
  object: string,
  binding = 'LIMITS',
): Promise<{ readonly rows: readonly { readonly key: string; readonly state: string }[]; readonly alarm: number | null }> {
  return (await fetch(`${server.url}/look?object=${encodeURIComponent(object)}&binding=${binding}`)).json() as never
}

/** The store that runs in the Worker, as one of this process: what it is given crosses as JSON, and so does what it answers. */
export function remoteStore(server: Workerd, store: Ask['store'], clock: Clock): Store {
  const call = async (one: Call): Promise<readonly (Outcome | undefined)[]> => {
    const [told] = await ask(server, [one], store, clock.now())
    if (told === undefined || 'error' in told) throw Object.assign(new Error(told?.error.message), told?.error)
    // JSON has no undefined: a receipt that is absent, and an outcome that is.
    return told.outcomes.map((outcome) => (outcome ? { ...outcome, receipt: outcome.receipt } : undefined))
  }
  return scoped({
    name: 'durable-object',
    consume: (charges, options) => call({ do: 'consume', charges, options }),
    reset: async (targets) => void (await call({ do: 'reset', targets })),
  })
}
