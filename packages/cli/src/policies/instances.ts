import { systemClock } from '@sluice/core'
import type { CommandOption, Invocation } from '../command.ts'
import { ask, refusedBy } from '../service/ask.ts'
import { serviceUrl } from '../service/service-url.ts'
import { numberOption } from '../numbers.ts'
import { plain } from '../terminal/terminal.ts'

/** ms between two questions. */
const INTERVAL = 250

export const WAIT_OPTIONS: readonly CommandOption[] = [
  { name: 'wait', means: 'Wait until every live instance has the revision, and name those that have not. It asks the service of --url.' },
  {
    name: 'url',
    value: 'URL',
    means:
      'With --wait: a service whose admin API knows the instances. Default: the environment variable SLUICE_URL, else http://127.0.0.1:8080. SLUICE_TOKEN needs the scope read:*.',
  },
  { name: 'timeout', value: 'SECONDS', means: 'With --wait: how long, 1 to 3,600. Default: 30.' },
]

/** An instance, as `/admin/v1/overview` has it. */
interface Instance {
  readonly id: string
  readonly host: string
  readonly revisions: Readonly<Record<string, number>>
}

/** Which instances have a revision, and which have not in time. */
export interface Followed {
  readonly instances: number
  readonly laggards: readonly { readonly id: string; readonly host: string; readonly revision: number | null }[]
  readonly waitedMs: number
}

/** The options of --wait. They are read before anything is published. @throws ERR_COMMAND_INVALID */
export function waitOf(command: string, invocation: Invocation): ((namespace: string, revision: number) => Promise<Followed>) | undefined {
  const ms = 1_000 * (numberOption(command, invocation, 'timeout', [1, 3_600]) ?? 30)
  const url = `${serviceUrl(command, invocation)}/admin/v1/overview`
  if (!invocation.has('wait')) return undefined
  return (namespace, revision) => followed({ url, ms, token: invocation.io.env['SLUICE_TOKEN'] }, namespace, revision)
}

interface Question {
  readonly url: string
  readonly ms: number
  readonly token: string | undefined
}

/** @throws ERR_COMMAND_FAILED if the service does not answer */
async function followed({ url, ms, token }: Question, namespace: string, revision: number): Promise<Followed> {
  const start = systemClock.monotonic()
  for (;;) {
    const answered = await ask(url, { token })
    if (answered.status !== 200) throw refusedBy(url, answered)
    const { instances } = answered.value as { readonly instances: readonly Instance[] }
    const laggards = instances
      .filter(({ revisions }) => (revisions[namespace] ?? 0) < revision)
      .map(({ id, host, revisions }) => ({ id, host, revision: revisions[namespace] ?? null }))
    const waitedMs = Math.round(systemClock.monotonic() - start)
    if (laggards.length === 0 || waitedMs >= ms) return { instances: instances.length, laggards, waitedMs }
    await new Promise<void>((resolve) => void systemClock.after(INTERVAL, resolve))
  }
}

/** What a person reads after --wait. */
export function printFollowed({ print, paint }: Invocation, revision: number, { instances, laggards, waitedMs }: Followed): void {
  const there = `${instances - laggards.length} of ${instances} instances have revision ${revision}`
  print(`${laggards.length === 0 ? paint('green', there) : paint('red', there)}, after ${(waitedMs / 1_000).toFixed(1)} s`)
  for (const { id, host, revision: has } of laggards) print(`  not yet: ${plain(id)} on ${plain(host)}, which has ${has ?? 'none'}`)
}

/** 1 if an instance does not have the revision. */
export function statusOf(followed: Followed | undefined): number {
  return followed === undefined || followed.laggards.length === 0 ? 0 : 1
}
