import type { Finding } from './finding.ts'
import type { Node } from './node.ts'

/** ms after its last heartbeat at which a process is no longer counted. */
const LIVES = 15_000
/** The least hash-max-listpack-entries that packed states fit into. */
const LISTPACK = 256

/** What Sluice has stored. */
export interface StoredData {
  readonly partitions: number | undefined
  readonly findings: readonly Finding[]
}

/** The data under a prefix. Of several nodes, one has these keys. */
export async function dataOf(nodes: readonly Node[], prefix: string): Promise<StoredData> {
  const check = 'data'
  const meta = `${prefix}:{meta}`
  for (const { client } of nodes) {
    try {
      const text = await client.get(meta)
      if (text === null) {
        const found = `no store has decided under the prefix ${prefix} yet`
        return { partitions: undefined, findings: [{ check, level: 'note', found, advice: 'If one has, give its prefix with --prefix.' }] }
      }
      const [, partitions, subjects] = /^(\d{1,4})(?::(\d{1,11}):[\da-f]{12})?$/.exec(text) ?? []
      if (partitions === undefined) {
        const advice = `${meta} is the key of another program. Give the store another prefix.`
        return { partitions: undefined, findings: [{ check, level: 'problem', found: `${meta} is not that of a store`, advice }] }
      }
      const [seconds] = (await client.time()) as unknown as readonly [string]
      const live = await client.zcount(`${meta}:instances`, Number(seconds) * 1_000 - LIVES, '+inf')
      const packed = subjects === undefined ? '' : `, packed for ${Number(subjects).toLocaleString('en')} subjects`
      const found = `prefix ${prefix}, ${partitions} partitions${packed}, ${live} ${live === 1 ? 'process' : 'processes'} now`
      const findings: Finding[] = [{ check, level: 'ok', found }]
      if (subjects !== undefined) findings.push(...(await packingOf(nodes)))
      return { partitions: Number(partitions), findings }
    } catch (error) {
      // Another node has the key, or the user may not read it, which is a finding of its own.
      if (!/^(?:MOVED|NOPERM)/.test((error as Error).message)) throw error
    }
  }
  return { partitions: undefined, findings: [] }
}

async function packingOf(nodes: readonly Node[]): Promise<readonly Finding[]> {
  for (const { client } of nodes) {
    // Redis 6.2 knows only this name. Later versions know it as another name of hash-max-listpack-entries.
    const reply = (await client.config('GET', 'hash-max-ziplist-entries').catch(() => [])) as readonly string[]
    if (reply[1] !== undefined && Number(reply[1]) < LISTPACK)
      return [
        {
          check: 'packing',
          level: 'warning',
          found: `hash-max-listpack-entries is ${reply[1]}`,
          advice: `Packed states take several times the memory. At the server:  CONFIG SET hash-max-listpack-entries ${LISTPACK}`,
        },
      ]
  }
  return []
}
