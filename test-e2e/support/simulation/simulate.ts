// Runs one scenario: many processes on one store, in simulated time.
import { type Charge, memoryStore, type Outcome } from '@sluice/core'
import { isPromise } from '@sluice/core/store-kit'
import { type Admission, fakeClock } from '@sluice/testing'
import { excessOf } from './bounds.ts'
import { EventQueue } from './event-queue.ts'
import { Instance, START } from './instance.ts'
import { leasingStore } from './leasing-store.ts'
import { type Random, randomOf, seeded, zipf } from './random.ts'
import type { Scenario } from './scenario.ts'

export interface Result {
  readonly decisions: number
  /** Decisions by a lease or the deny cache, without a command. */
  readonly local: number
  /** Commands that reached the store, including those for leases. */
  readonly reached: number
  /** Decisions without an answer: the command or its reply was lost, or the process was killed. */
  readonly failed: number
  readonly admitted: number
  /** What one process without a network admits of the same requests. */
  readonly alone: number
  /** Units above the bound in the worst interval of any subject. */
  readonly excess: number
  readonly pauses: number
  readonly kills: number
  readonly steps: number
}

/** The admissions of one subject: by the clock of the simulation, and by the time in the outcomes. */
interface Track {
  readonly real: Admission[]
  readonly reported: Admission[]
}

/** µs until a killed process is replaced. */
const RESTART = 300_000
/** µs after the last request: longer than a pause and a deadline. */
const LAST_ANSWER = 1_000_000

/** With `isFaulty`, the store does not debit leases. */
export function simulate(scenario: Scenario, seed: number, isFaulty = false): Promise<Result> {
  return seeded(randomOf(seed + 1), () => run(scenario, randomOf(seed), isFaulty))
}

async function run(scenario: Scenario, random: Random, isFaulty: boolean): Promise<Result> {
  const { limit, layers, network, seconds, clockError, subjects, disturbances } = scenario
  const queue = new EventQueue()
  const clock = fakeClock(START)
  const shared = leasingStore(clock, isFaulty)
  const reference = memoryStore({ clock })
  const draw = zipf(subjects, scenario.zipf ?? 0)
  const begin = (): Instance => new Instance(shared, queue, random, network, clockError, layers)
  const all = Array.from({ length: scenario.instances }, begin)
  const killedInstances: Instance[] = []
  const tracks = new Map<string, Track>()
  const count = { decisions: 0, local: 0, answered: 0, admitted: 0, alone: 0, pauses: 0, kills: 0, steps: 0 }

  const record = (subject: string, outcome: Outcome | undefined, isLocal: boolean): void => {
    count.answered += 1
    if (isLocal) count.local += 1
    if (outcome === undefined || outcome.granted === 0) return
    const { at, granted: units, source } = outcome
    count.admitted += units
    const track = tracks.get(subject) ?? { real: [], reported: [] }
    tracks.set(subject, track)
    track.real.push({ at: source === 'lease' ? START * 1_000 + queue.now : at, units })
    track.reported.push({ at, units })
  }
  const request = (): void => {
    const subject = String(draw(random))
    const charge: Charge = { limit, scope: `simulated+${limit.name}.${limit.algorithm}`, subject, cost: 1 }
    const [alone] = reference.consume([charge]) as readonly Outcome[]
    count.alone += alone?.granted ?? 0
    count.decisions += 1
    const instance = one(all, random)
    instance.here(() => {
      const outcomes = instance.store.consume([charge])
      if (!isPromise(outcomes)) return record(subject, outcomes[0], true)
      outcomes.then(
        ([outcome]) => record(subject, outcome, false),
        () => {},
      )
    })
  }
  const kill = (): void => {
    const at = random.below(all.length)
    const killed = all[at] as Instance
    if (killedInstances.includes(killed)) return
    killed.kill()
    killedInstances.push(killed)
    count.kills += 1
    queue.at(queue.now + RESTART, () => void (all[at] = begin()))
  }
  const pause = (): void => {
    one(all, random).pause(random.next() * (disturbances?.longest ?? 0) * 1_000)
    count.pauses += 1
  }
  const step = (): void => {
    one(all, random).step(2_000 * random.next() - 1_000)
    count.steps += 1
  }
  const end = seconds * 1_000_000
  const repeat = (everyMs: number, what: () => void): void => {
    queue.at(queue.now + everyMs * 1_000 * random.exponential(), () => {
      // Requests in flight at the end may still finish.
      if (queue.now > end) return
      what()
      repeat(everyMs, what)
    })
  }

  repeat(1_000 / scenario.demand, request)
  if (disturbances !== undefined) {
    const perInstance = 1_000 / scenario.instances
    repeat(disturbances.pauses * perInstance, pause)
    repeat(disturbances.kills * perInstance, kill)
    repeat(disturbances.steps * perInstance, step)
  }
  while (queue.step(end + LAST_ANSWER, (micros) => clock.set(START + micros / 1_000))) {
    if (!queue.hasAnswered) continue
    queue.hasAnswered = false
    // Callbacks of the settled promise run before the time moves on.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const excess = Array.from(tracks.values(), ({ real, reported }) =>
    Math.max(excessOf(limit, real, layers.leases), excessOf(limit, reported, layers.leases)),
  )
  const reached = [...all, ...killedInstances.filter((killed) => !all.includes(killed))].reduce(
    (sum, instance) => sum + instance.reached,
    0,
  )
  const { answered, ...counted } = count
  return { ...counted, reached, failed: count.decisions - answered, excess: Math.max(0, ...excess) }
}

function one<T>(all: readonly T[], random: Random): T {
  return all[random.below(all.length)] as T
}
