// So many decisions in flight for so long: what a busy server asks of its store.
import { cpuMicros, quantile, type Turn } from './rounds.ts'

export interface Flight {
  readonly inFlight: number
  readonly ask: () => unknown
  /** µs of CPU that the server has used. */
  readonly server?: () => Promise<number>
}

export async function flight({ inFlight, ask, server }: Flight, ms: number): Promise<Turn> {
  const serverBefore = (await server?.()) ?? 0
  const waits: number[] = []
  const cpu = cpuMicros()
  const start = performance.now()
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (;;) {
        const asked = performance.now()
        if (asked - start > ms) return
        await ask()
        waits.push(performance.now() - asked)
      }
    }),
  )
  const elapsed = performance.now() - start
  const used = cpuMicros() - cpu
  return {
    rate: (waits.length * 1_000) / elapsed,
    cpu: used / waits.length,
    server: (((await server?.()) ?? 0) - serverBefore) / waits.length,
    p50: quantile(waits, 0.5),
    p99: quantile(waits, 0.99),
  }
}

/** Asks for each of these, so that none is new when it counts. */
export async function everybody(names: readonly string[], ask: (name: string) => unknown, inFlight = 256): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < names.length) await ask(names[next++] as string)
    }),
  )
}

/** So many a second at fixed times, whatever comes of it; a wait counts from when it was due. */
export async function steady(ask: () => Promise<unknown>, perSecond: number, ms: number): Promise<Turn> {
  const waits: number[] = []
  const pending: Promise<void>[] = []
  const cpu = cpuMicros()
  const start = performance.now()
  const count = Math.floor((perSecond * ms) / 1_000)
  let sent = 0
  await new Promise<void>((resolve) => {
    const tick = (): void => {
      const due = Math.min(count, Math.floor(((performance.now() - start) * perSecond) / 1_000))
      for (; sent < due; sent++) {
        const at = start + (sent * 1_000) / perSecond
        pending.push(ask().then(() => void waits.push(performance.now() - at)))
      }
      if (sent < count) setImmediate(tick)
      else resolve()
    }
    tick()
  })
  await Promise.all(pending)
  const elapsed = performance.now() - start
  return {
    rate: (waits.length * 1_000) / elapsed,
    cpu: (cpuMicros() - cpu) / waits.length,
    p50: quantile(waits, 0.5),
    p99: quantile(waits, 0.99),
  }
}
