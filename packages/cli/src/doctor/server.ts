import type { Finding } from './finding.ts'
import { type Node, settingOf } from './node.ts'

/** Of the whole memory, and of the clients. */
const FULL = 0.9

/** The version, the role, and what memory, disk and clients say. */
export async function serverFindings(node: Node): Promise<readonly Finding[]> {
  const { info } = node
  if (info === undefined)
    return [
      {
        check: 'server',
        level: 'warning',
        found: 'INFO is denied',
        advice: 'Allow the user +info: without it a server that is still loading is taken for ready.',
      },
    ]
  const number = (name: string): number => Number(info.get(name) ?? 0)
  return [
    versionOf(info),
    ...roleOf(info),
    await evictionOf(node, info),
    memoryOf(number('used_memory'), number('maxmemory')),
    await persistenceOf(node, info),
    ...clientsOf(number('connected_clients'), number('maxclients')),
  ]
}

function versionOf(info: ReadonlyMap<string, string>): Finding {
  const valkey = info.get('valkey_version')
  const dragonfly = info.get('dragonfly_version')
  const version = info.get('redis_version') ?? '0'
  // Valkey says server_mode.
  const said = info.get('redis_mode') ?? info.get('server_mode') ?? ''
  const mode = { standalone: 'one server', cluster: 'Cluster', sentinel: 'Sentinel' }[said] ?? 'unknown mode'
  const found = `${valkey === undefined ? (dragonfly === undefined ? `Redis ${version}` : `Dragonfly ${dragonfly}`) : `Valkey ${valkey}`}, ${mode}`
  const check = 'server'
  if (said === 'sentinel')
    return { check, level: 'problem', found, advice: 'This is a Sentinel, which has no counts. Name the primary that it watches.' }
  if (dragonfly !== undefined) return { check, level: 'note', found, advice: 'Sluice is not tested on this server.' }
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < 6 || (major === 6 && minor < 2)) return { check, level: 'problem', found, advice: 'Sluice needs Redis 6.2 or newer.' }
  return { check, level: 'ok', found }
}

function roleOf(info: ReadonlyMap<string, string>): readonly Finding[] {
  const check = 'role'
  if (info.get('loading') === '1')
    return [
      { check, level: 'warning', found: 'it loads its data, and refuses commands', advice: 'Wait until it has loaded, and ask again.' },
    ]
  if (info.get('role') !== 'slave') return []
  const primary = `${info.get('master_host')}:${info.get('master_port')}`
  return [
    {
      check,
      level: 'problem',
      found: `a replica of ${primary}`,
      advice: `Every decision writes. Name the primary:  --redis redis://${primary}`,
    },
  ]
}

async function evictionOf(node: Node, info: ReadonlyMap<string, string>): Promise<Finding> {
  const check = 'eviction'
  const policy = info.get('maxmemory_policy') ?? (await settingOf(node, 'maxmemory-policy'))
  const evicted = Number(info.get('evicted_keys') ?? 0)
  const means = 'A client whose key is evicted gets its quota back.'
  if (policy === undefined) return { check, level: 'warning', found: 'maxmemory-policy is not known', advice: `${means} Set noeviction.` }
  if (policy !== 'noeviction')
    return {
      check,
      level: 'warning',
      found: `maxmemory-policy is ${policy}${evicted === 0 ? '' : `; ${evicted} keys were evicted`}`,
      advice: `${means} At the server, and in its configuration:  CONFIG SET maxmemory-policy noeviction`,
    }
  return { check, level: 'ok', found: 'maxmemory-policy is noeviction' }
}

function memoryOf(used: number, most: number): Finding {
  const check = 'memory'
  const megabytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MB`
  if (most === 0)
    return {
      check,
      level: 'note',
      found: `${megabytes(used)} used, no maxmemory`,
      advice: 'Without maxmemory, Redis may take all memory of its machine.',
    }
  const found = `${megabytes(used)} of ${megabytes(most)} used`
  if (used < FULL * most) return { check, level: 'ok', found }
  return {
    check,
    level: 'warning',
    found,
    advice: 'A full server refuses writes, and the local limits of each process decide. Raise maxmemory.',
  }
}

async function persistenceOf(node: Node, info: ReadonlyMap<string, string>): Promise<Finding> {
  const check = 'persistence'
  for (const [field, what] of [
    ['rdb_last_bgsave_status', 'the last snapshot'],
    ['aof_last_write_status', 'the last write of the append-only file'],
  ] as const)
    if (info.get(field) === 'err')
      return {
        check,
        level: 'problem',
        found: `${what} failed`,
        advice: 'Redis may refuse writes. Its log says why; often the disk is full.',
      }
  const hasReplicas = Number(info.get('connected_slaves') ?? 0) > 0
  const save = await settingOf(node, 'save')
  const kept = [
    ...(info.get('aof_enabled') === '1' ? ['append-only file'] : []),
    ...(save === undefined || save === '' ? [] : ['snapshots']),
    ...(hasReplicas ? ['replicas'] : []),
  ]
  if (kept.length > 0) return { check, level: 'ok', found: kept.join(', ') }
  const found = save === undefined ? 'no append-only file, no replica' : 'none, and no replica'
  return { check, level: 'note', found, advice: 'A restart gives every client its quota back.' }
}

function clientsOf(clients: number, most: number): readonly Finding[] {
  if (most === 0) return []
  const found = `${clients} of ${most} connections`
  if (clients < FULL * most) return [{ check: 'clients', level: 'ok', found }]
  return [{ check: 'clients', level: 'warning', found, advice: 'New processes will not be served. Raise maxclients.' }]
}
