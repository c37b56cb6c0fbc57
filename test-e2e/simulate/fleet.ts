// One scenario from its first request to what was admitted: a fleet on one store, in time that only the events move.
import { type Charge, memoryStore, type Outcome } from '@sluice/core'
import { isPromise } from '@sluice/core/store-kit'
import { type Admission, fakeClock } from '@sluice/testing'
import { excessOf } from './bounds.ts'
import { Events } from './events.ts'
import { Instance, START } from './instance.ts'
import { leasingStore } from './leasing-store.ts'
import { type Random, randomOf, seeded, zipf } from './random.ts'
import type { Scenario } from './scenario.ts'

export interface Result {
  readonly decisions: number
  /** Answered in the process, by a lease or by the deny cache. */
  readonly local: number
  /** Commands that reached the store, those for leases among them. */
  readonly reached: number
  /** Decisions without an answer: their command or its answer was lost, or their process was killed. */
  readonly failed: number
  readonly admitted: number
  /** What one process without a network admits of the same demand. */
  readonly alone: number
  /** Units above the bound, in the worst interval of the worst subject. */
  readonly excess: number
  readonly pauses: number
  readonly kills: number
  readonly steps: number
}

/** What callers were admitted of one subject: by the clock of the simulation, and by the time that they were told. */
interface Track {
  readonly real: Admission[]
  readonly told: Admission[]
}

/** µs until a killed process has another in its place. */
const RESTART = 300_000
/** µs from the last request on: longer than a pause and a deadline. */
const LAST_ANSWER = 1_000_000

/** `forgets`: by a store that does not debit its leases. */
export function simulate(scenario: Scenario, seed: number, forgets = false): Promise<Result> {
  return seeded(randomOf(seed + 1), () => run(scenario, randomOf(seed), forgets))
}

async function run(scenario: Scenario, random: Random, forgets: boolean): Promise<Result> {
  const { limit, layers, network, seconds, skew, subjects, trouble } = scenario
  const events = new Events()
  const clock = fakeClock(START)
  const shared = leasingStore(clock, forgets)
  const reference = memoryStore({ clock })
  const draw = zipf(subjects, scenario.zipf ?? 0)
  const begin = (): Instance => new Instance(shared, events, random, network, skew, layers)
  const all = Array.from({ length: scenario.instances }, begin)
  const gone: Instance[] = []
  const tracks = new Map<string, Track>()
  const count = { decisions: 0, local: 0, answered: 0, admitted: 0, alone: 0, pauses: 0, kills: 0, steps: 0 }

  const heard = (subject: string, outcome: Outcome | undefined, isLocal: boolean): void => {
    count.answered += 1
    if (isLocal) count.local += 1
    if (outcome === undefined || outcome.granted === 0) return
    const { at, granted: units, source } = outcome
    count.admitted += units
    const track = tracks.get(subject) ?? { real: [], told: [] }
    tracks.set(subject, track)
    track.real.push({ at: source === 'lease' ? START * 1_000 + events.now : at, units })
    track.told.push({ at, units })
  }
  const request = (): void => {
    const subject = String(draw(random))
    const charge: Charge = { limit, scope: `simulated/${limit.name}/${limit.algorithm}`, subject, cost: 1 }
    const [alone] = reference.consume([charge]) as readonly Outcome[]
    count.alone += alone?.granted ?? 0
    count.decisions += 1
    const instance = one(all, random)
    instance.here(() => {
      const outcomes = instance.store.consume([charge])
      if (!isPromise(outcomes)) return heard(subject, outcomes[0], true)
      outcomes.then(
        ([outcome]) => heard(subject, outcome, false),
        () => {},
      )
    })
  }
  const kill = (): void => {
    const at = random.below(all.length)
    const killed = all[at] as Instance
    if (gone.includes(killed)) return
    killed.kill()
    gone.push(killed)
    count.kills += 1
    events.at(events.now + RESTART, () => void (all[at] = begin()))
  }
  const pause = (): void => {
    one(all, random).pause(random.next() * (trouble?.longest ?? 0) * 1_000)
    count.pauses += 1
  }
  const step = (): void => {
    one(all, random).step(2_000 * random.next() - 1_000)
    count.steps += 1
  }
  const end = seconds * 1_000_000
  const often = (everyMs: number, what: () => void): void => {
    events.at(events.now + everyMs * 1_000 * random.exponential(), () => {
      // What is under way then is waited for.
      if (events.now > end) return
      what()
      often(everyMs, what)
    })
  }

  often(1_000 / scenario.demand, request)
  if (trouble !== undefined) {
    const perInstance = 1_000 / scenario.instances
    often(trouble.pauses * perInstance, pause)
    often(trouble.kills * perInstance, kill)
    often(trouble.steps * perInstance, step)
  }
  while (events.step(end + LAST_ANSWER, (micros) => clock.set(START + micros / 1_000))) {
    if (!events.hasAnswered) continue
    events.hasAnswered = false
    // What waits for the answer goes on before time does.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const excess = Array.from(tracks.values(), ({ real, told }) =>
    Math.max(excessOf(limit, real, layers.leases), excessOf(limit, told, layers.leases)),
  )
  const reached = [...all, ...gone.filter((killed) => !all.includes(killed))].reduce((sum, instance) => sum + instance.reached, 0)
  const { answered, ...counted } = count
  return { ...counted, reached, failed: count.decisions - answered, excess: Math.max(0, ...excess) }
}

function one<T>(all: readonly T[], random: Random): T {
  return all[random.below(all.length)] as T
}
