import { randomUUID } from 'node:crypto'
import type { Finding } from './finding.ts'
import type { Node } from './node.ts'

type Probe = readonly [command: string, ...args: readonly string[]]

/**
 * Each command of the store in a form that changes nothing, on a key that does not exist. Redis checks permissions before anything else, so
 * every answer but NOPERM means that the command is permitted, MOVED too.
 */
function probes(key: string, isCluster: boolean): readonly Probe[] {
  return [
    ['evalsha', '0'.repeat(40), '1', key],
    ['eval', 'return 0', '1', key],
    ['time'],
    ['mget', key],
    ['get', key],
    ['set', key, '0', 'XX'],
    ['setrange', key, '0', ''],
    ['del', key],
    ['info', 'server'],
    ['zadd', key, 'XX', '0', 'doctor'],
    ['zremrangebyscore', key, '0', '0'],
    ['zcard', key],
    ['zrem', key, 'doctor'],
    ['pexpire', key, '1'],
    ['pttl', key],
    ['pexpireat', key, '1'],
    ['zrange', key, '0', '0'],
    ['zcount', key, '0', '0'],
    ['zscore', key, 'doctor'],
    ...(isCluster ? ([['cluster', 'slots'], ['cluster', 'info'], ['asking']] as const) : []),
  ]
}

/** What `scripting: false` needs in place of eval and evalsha. */
const WITHOUT_SCRIPTS: readonly Probe[] = [['exec'], ['unwatch'], ['multi'], ['exec']]
/** What the commands of sluice for operators need besides. */
const OPERATORS: readonly Probe[] = [['scan', '0', 'COUNT', '1'], ['dbsize']]

type Permission = 'yes' | 'no' | 'key'

/** Whether the user may run what the store runs, on its keys. */
export async function permissionFindings(node: Node, prefix: string, isCluster: boolean): Promise<readonly Finding[]> {
  const key = `${prefix}:{meta}:doctor:${randomUUID()}`
  const user = await userOf(node)
  const [denied, keys] = [[] as string[], [] as string[]]
  for (const probe of probes(key, isCluster)) {
    const permission = await permissionOf(node, probe)
    if (permission === 'no') denied.push(nameOf(probe))
    if (permission === 'key') keys.push(nameOf(probe))
  }
  const check = 'permissions'
  if (denied.length === 0 && keys.length === 0)
    return [{ check, level: 'ok', found: `user ${user} may run what the store needs` }, ...(await operatorsOf(node, user))]
  const scripts = ['eval', 'evalsha']
  if (keys.length === 0 && denied.every((name) => scripts.includes(name)) && (await mayWatch(node, key)))
    return [
      { check, level: 'note', found: `user ${user} may not run scripts`, advice: 'Give the store scripting: false, which is slower.' },
    ]
  const rules = [...denied.map((name) => `+${name}`), ...(keys.length > 0 ? [`~${prefix}:*`] : [])].join(' ')
  const what = [
    ...(denied.length > 0 ? [`may not run ${denied.join(', ')}`] : []),
    ...(keys.length > 0 ? [`may not use keys that begin with ${prefix}:`] : []),
  ].join(', and ')
  return [
    { check, level: 'problem', found: `user ${user} ${what}`, advice: `Decisions fail. At the server:  ACL SETUSER ${user} ${rules}` },
  ]
}

async function operatorsOf(node: Node, user: string): Promise<readonly Finding[]> {
  const denied: string[] = []
  for (const probe of OPERATORS) if ((await permissionOf(node, probe)) !== 'yes') denied.push(nameOf(probe))
  if (denied.length === 0) return []
  return [
    {
      check: 'operators',
      level: 'note',
      found: `user ${user} may not run ${denied.join(', ')}`,
      advice: 'The store does not need it. sluice inspect and sluice reset do, to find all policies of a subject.',
    },
  ]
}

/** Ends at the first that is denied: a transaction that begins and cannot end would hold all later commands back. */
async function mayWatch(node: Node, key: string): Promise<boolean> {
  for (const probe of [['watch', key] as const, ...WITHOUT_SCRIPTS]) if ((await permissionOf(node, probe)) !== 'yes') return false
  return true
}

async function permissionOf({ client }: Node, [command, ...args]: Probe): Promise<Permission> {
  try {
    await client.call(command, ...args)
    return 'yes'
  } catch (error) {
    const { message } = error as Error
    if (!message.startsWith('NOPERM')) return 'yes'
    return /\bkeys?\b/i.test(message) ? 'key' : 'no'
  }
}

/** A user may mostly not ask for its own name. */
async function userOf({ client }: Node): Promise<string> {
  try {
    return String(await client.call('ACL', 'WHOAMI'))
  } catch {
    return client.options.username ?? 'default'
  }
}

function nameOf([command, sub]: Probe): string {
  return command === 'cluster' ? `cluster|${sub}` : command
}
