// How decisions are requested: by a number of loops (closed loop), or at fixed times (open loop).
import { cpuMicros, quantile, type Sample } from './rounds.ts'

export interface ClosedLoop {
  /** Loops that each request the next decision when they have the last one. */
  readonly inFlight: number
  readonly decide: () => unknown
  /** µs of CPU that the server has used so far. */
  readonly serverCpu?: () => Promise<number>
}

export async function closedLoop({ inFlight, decide, serverCpu }: ClosedLoop, ms: number): Promise<Sample> {
  const serverBefore = (await serverCpu?.()) ?? 0
  const latencies: number[] = []
  const cpu = cpuMicros()
  const start = performance.now()
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (;;) {
        const sent = performance.now()
        if (sent - start > ms) return
        await decide()
        latencies.push(performance.now() - sent)
      }
    }),
  )
  const elapsed = performance.now() - start
  const used = cpuMicros() - cpu
  return {
    rate: (latencies.length * 1_000) / elapsed,
    cpu: used / latencies.length,
    serverCpu: (((await serverCpu?.()) ?? 0) - serverBefore) / latencies.length,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  }
}

/** Sends `perSecond` requests a second, however slow the answers are. A latency counts from the time at which its request was due. */
export async function openLoop(decide: () => Promise<unknown>, perSecond: number, ms: number): Promise<Sample> {
  const count = Math.floor((perSecond * ms) / 1_000)
  // Numbers alone. A list of promises would grow with the requests, and each collection of garbage would copy it.
  const latencies = new Float64Array(count)
  let sent = 0
  let answered = 0
  const cpu = cpuMicros()
  const start = performance.now()
  await new Promise<void>((resolve, reject) => {
    const request = async (dueAt: number): Promise<void> => {
      await decide()
      latencies[answered++] = performance.now() - dueAt
      if (answered === count) resolve()
    }
    const tick = (): void => {
      const due = Math.min(count, Math.floor(((performance.now() - start) * perSecond) / 1_000))
      for (; sent < due; sent++) request(start + (sent * 1_000) / perSecond).catch(reject)
      if (sent < count) setImmediate(tick)
    }
    tick()
  })
  const elapsed = performance.now() - start
  const all = Array.from(latencies)
  return { rate: (count * 1_000) / elapsed, cpu: (cpuMicros() - cpu) / count, p50: quantile(all, 0.5), p99: quantile(all, 0.99) }
}

/** Requests each subject once. A first request inserts the state, in any store, and that costs more than a decision. */
export async function visitAll(subjects: readonly string[], decide: (subject: string) => unknown, inFlight = 256): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < subjects.length) await decide(subjects[next++] as string)
    }),
  )
}
