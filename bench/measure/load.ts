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
  const latencies: number[] = []
  const pending: Promise<void>[] = []
  const cpu = cpuMicros()
  const start = performance.now()
  const count = Math.floor((perSecond * ms) / 1_000)
  let sent = 0
  await new Promise<void>((resolve) => {
    const tick = (): void => {
      const due = Math.min(count, Math.floor(((performance.now() - start) * perSecond) / 1_000))
      for (; sent < due; sent++) {
        const dueAt = start + (sent * 1_000) / perSecond
        pending.push(decide().then(() => void latencies.push(performance.now() - dueAt)))
      }
      if (sent < count) setImmediate(tick)
      else resolve()
    }
    tick()
  })
  await Promise.all(pending)
  const elapsed = performance.now() - start
  return {
    rate: (latencies.length * 1_000) / elapsed,
    cpu: (cpuMicros() - cpu) / latencies.length,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  }
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
