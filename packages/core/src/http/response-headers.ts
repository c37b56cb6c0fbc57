import { type Decision, decisionOf } from '../decision.ts'
import type { MaybePromise } from '../runtime.ts'
import { type HeaderEntry, type HeaderLine, renderHeaders } from './headers/headers.ts'
import type { PartitionKeys } from './headers/partition-keys.ts'
import type { Host } from './host.ts'
import type { RequestConfig } from './pipeline-config.ts'

const NO_HEADERS: readonly HeaderLine[] = Object.freeze([])

/** The headers for a decision and for those before it on the same request. From then on `hasDecided` knows of the decision. */
export function headersFor<C, R>(config: RequestConfig<C, R>, context: C, decision: Decision): MaybePromise<readonly HeaderLine[]> {
  if (decision.charges.length === 0) return NO_HEADERS
  if (decision.mode !== 'enforce') {
    entriesOf(config.host.id(context), entryOf(config, context, decision, undefined))
    return NO_HEADERS
  }
  if (config.partitionKeys !== undefined) return withPartitionKeys(config, context, decision, config.partitionKeys)
  return headersOf(config, context, entryOf(config, context, decision, undefined))
}

/** What is known of a request whose limits are all in shadow when it goes on. */
const SHADOWED: Decision = decisionOf({ policy: '', tier: undefined, mode: 'shadow', failMode: undefined }, [], [], 0)

/** `hasDecided` knows from now on that this limiter decides the request, although all its limits are in shadow and have no headers. */
export function noteShadows<C, R>(config: RequestConfig<C, R>, context: C): void {
  entriesOf(config.host.id(context), entryOf(config, context, SHADOWED, undefined))
}

async function withPartitionKeys<C, R>(
  config: RequestConfig<C, R>,
  context: C,
  decision: Decision,
  keysOf: PartitionKeys,
): Promise<readonly HeaderLine[]> {
  const { observers } = config
  let partitionKeys: HeaderEntry['partitionKeys']
  try {
    partitionKeys = await keysOf(decision)
  } catch (error) {
    // The request is charged already. If a missing header failed it, its concurrency would not be released.
    observers.warn(
      'WARN_VALUE_IGNORED',
      `partitionKey: the headers have no partition key, since it could not be computed: ${String(error)}`,
      'partitionKey',
    )
  }
  return headersOf(config, context, entryOf(config, context, decision, partitionKeys))
}

function entryOf<C, R>(
  { host, limiter, shorthand }: RequestConfig<C, R>,
  context: C,
  decision: Decision,
  partitionKeys: HeaderEntry['partitionKeys'],
): HeaderEntry {
  return { decision, shorthand, limiter, call: callOf(host, context), partitionKeys }
}

function headersOf<C, R>({ host, dialect }: RequestConfig<C, R>, context: C, entry: HeaderEntry): readonly HeaderLine[] {
  return renderHeaders(entriesOf(host.id(context), entry), dialect, decidedAt(entry.decision))
}

// Registered, so that limiters of two copies of this package write one set of headers.
const ENTRIES = Symbol.for('sluice.entries')

/** Whether this limiter has decided the request, so that one limiter that is mounted twice charges once. */
export function hasDecided<C, R>({ host, limiter }: RequestConfig<C, R>, context: C): boolean {
  const entries = (host.id(context) as { [ENTRIES]?: HeaderEntry[] })[ENTRIES]
  if (entries === undefined) return false
  const call = callOf(host, context)
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i] as HeaderEntry
    if (entry.limiter === limiter && entry.call === call) return true
  }
  return false
}

function callOf<C>(host: Host<C>, context: C): object {
  return host.call === undefined ? host.id(context) : host.call(context)
}

/** The decisions of all limiters of this request so far, this one last. */
function entriesOf(id: object, entry: HeaderEntry): readonly HeaderEntry[] {
  const request = id as { [ENTRIES]?: HeaderEntry[] }
  const entries = request[ENTRIES]
  if (entries === undefined) return (request[ENTRIES] = [entry])
  entries.push(entry)
  return entries
}

/** ms since the epoch, by the clock of the store that decided: only that clock knows when its windows end. */
function decidedAt({ outcomes }: Decision): number {
  for (let i = 0; i < outcomes.length; i++) {
    const each = outcomes[i]
    if (each !== undefined) return each.at / 1000
  }
  return 0
}
