import type { Finding } from './finding.ts'
import { fieldsOf, type Node } from './node.ts'

const SLOTS = 16_384

/** A primary of a Cluster. */
export interface Primary {
  readonly host: string
  readonly port: number
  readonly slots: number
  readonly replicas: number
}

/** The primaries, by CLUSTER SLOTS. `undefined` if the user may not ask. */
export async function primariesOf({ client }: Node): Promise<readonly Primary[] | undefined> {
  type Range = readonly [from: number, to: number, primary: readonly [host: string, port: number], ...replicas: unknown[]]
  try {
    const found = new Map<string, Primary>()
    for (const [from, to, [host, port], ...replicas] of (await client.call('CLUSTER', 'SLOTS')) as readonly Range[]) {
      const name = `${host}:${port}`
      const slots = (found.get(name)?.slots ?? 0) + to - from + 1
      found.set(name, { host, port, slots, replicas: replicas.length })
    }
    return [...found.values()]
  } catch {
    return undefined
  }
}

/** What the Cluster says of itself. @param partitions of the data; `undefined` if there is none */
export async function clusterFindings(
  node: Node,
  primaries: readonly Primary[],
  partitions: number | undefined,
): Promise<readonly Finding[]> {
  const state = fieldsOf(String(await node.client.call('CLUSTER', 'INFO').catch(() => ''))).get('cluster_state')
  const served = primaries.reduce((sum, { slots }) => sum + slots, 0)
  const check = 'cluster'
  const found = `${primaries.length} primaries, ${primaries.reduce((sum, { replicas }) => sum + replicas, 0)} replicas, ${served} of ${SLOTS} slots served`
  const findings: Finding[] = []
  if (served < SLOTS || (state ?? 'ok') !== 'ok')
    findings.push({
      check,
      level: 'problem',
      found: `${found}, state ${state ?? 'unknown'}`,
      advice: 'Decisions of the other slots fail. See  redis-cli --cluster check',
    })
  else findings.push({ check, level: 'ok', found })
  const alone = primaries.filter(({ replicas }) => replicas === 0)
  if (alone.length > 0)
    findings.push({
      check: 'replicas',
      level: 'note',
      found: `${alone.length} primaries have no replica`,
      advice: 'While such a primary is away, local limits decide for its subjects.',
    })
  if (partitions !== undefined && partitions < primaries.length)
    findings.push({
      check: 'partitions',
      level: 'warning',
      found: `${partitions} partitions for ${primaries.length} primaries`,
      advice: 'Some primaries have no subject. More partitions need a new prefix, or migrate: true, which forgets all counts.',
    })
  return findings
}
