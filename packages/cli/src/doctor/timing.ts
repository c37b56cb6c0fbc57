import { systemClock } from '@sluice/core'
import type { Finding } from './finding.ts'
import type { Node } from './node.ts'

const SAMPLES = 200
/** ms: a server that is far away is not asked longer. */
const AT_MOST = 2_000
/** ms between the clocks of the server and of this machine, or of two nodes. */
const CLOCK = 1_000

/** What was measured of one server. Times are in ms. */
export interface Timing {
  readonly p50: number
  readonly p99: number
  /** How far the server's clock is ahead of this machine's. */
  readonly ahead: number
}

/** Asks the server for its time again and again. The answer that came fastest says most of its clock. `undefined` if the user may not ask. */
export async function timingOf({ client }: Node): Promise<Timing | undefined> {
  const times: number[] = []
  let [ahead, fastest] = [0, Infinity]
  const end = systemClock.monotonic() + AT_MOST
  try {
    while (times.length < SAMPLES && systemClock.monotonic() < end) {
      const [wall, start] = [systemClock.now(), systemClock.monotonic()]
      const [seconds, micros] = (await client.time()) as unknown as readonly [string, string]
      const took = systemClock.monotonic() - start
      times.push(took)
      if (took >= fastest) continue
      fastest = took
      ahead = Number(seconds) * 1_000 + Number(micros) / 1_000 - (wall + took / 2)
    }
  } catch {
    return undefined
  }
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  return { p50: at(0.5), p99: at(0.99), ahead }
}

export function timingFindings(timing: Timing | undefined, deadline: number): readonly Finding[] {
  if (timing === undefined) return []
  const { p50, p99, ahead } = timing
  return [latencyOf(p50, p99, deadline), clockOf(ahead)]
}

function latencyOf(p50: number, p99: number, deadline: number): Finding {
  const check = 'latency'
  const found = `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`
  if (p99 <= deadline) return { check, level: 'ok', found }
  const advice = `Above ${deadline} ms, the store of a service no longer waits, and local limits decide. Look for slow commands (SLOWLOG GET), a busy machine, or another region; or raise the deadline.`
  return { check, level: 'warning', found, advice }
}

function clockOf(ahead: number): Finding {
  const check = 'clock'
  const found =
    Math.abs(ahead) < 10
      ? 'as here'
      : `${Math.abs(Math.round(ahead)).toLocaleString('en')} ms ${ahead < 0 ? 'behind' : 'ahead of'} this machine`
  if (Math.abs(ahead) <= CLOCK) return { check, level: 'ok', found }
  return {
    check,
    level: 'warning',
    found,
    advice: 'Windows of the calendar begin by the clock of a process, and end by that of Redis. Let both follow NTP.',
  }
}
