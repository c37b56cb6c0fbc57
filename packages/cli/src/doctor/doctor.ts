import type { Command, Invocation } from '../command.ts'
import { numberOption } from '../numbers.ts'
import { addressOf, PREFIX, REDIS, type ServerAddress } from '../redis/redis-option.ts'
import { type Paint, plain, usageError, wrapped } from '../terminal/terminal.ts'
import { clusterFindings, primariesOf } from './cluster.ts'
import { dataOf } from './data.ts'
import { type Finding, type Level, merged, needsChange } from './finding.ts'
import { type Node, openNode } from './node.ts'
import { permissionFindings } from './permissions.ts'
import { serverFindings } from './server.ts'
import { timingFindings, timingOf } from './timing.ts'

export const doctor: Command = {
  name: 'doctor',
  summary: 'check a Redis for Sluice, and say what to change',
  synopsis: '[--redis URL] [--prefix TEXT]',
  operands: [0, 0],
  description: [
    'Looks at a Redis as a store would use it: version and role, eviction, memory, persistence, permissions of the user, latency, clock, the nodes and slots of a Cluster, and the data of Sluice. Each finding says what to change.',
    'It writes nothing. Permissions are tried by commands that change nothing, on a key that does not exist; what is denied is in the ACL log of the server. Give it the URL with the user that the processes have.',
    'Of a Cluster, each primary is looked at.',
  ],
  options: [
    REDIS,
    PREFIX,
    {
      name: 'deadline',
      value: 'MS',
      means: 'The latency that is still fine, 1 to 60,000 ms: the deadline of the store. Default: 10, that of sluice serve.',
    },
  ],
  exits: ['There is nothing to change.', 'There are findings to act on.'],
  examples: [
    ['sluice doctor --redis redis://sluice:secret@localhost:6379', 'Check a server before processes use it.'],
    ['sluice doctor --json', 'Check the server of REDIS_URL in a script.'],
  ],
  async run(invocation) {
    const address = addressOf('doctor', invocation)
    const prefix = prefixOf(invocation)
    const deadline = numberOption('doctor', invocation, 'deadline', [1, 60_000]) ?? 10
    const findings = await diagnosed(address, prefix, deadline)
    if (invocation.isJson) invocation.printJson({ redis: address.name, findings })
    else print(address, findings, invocation)
    return findings.some(needsChange) ? 1 : 0
  },
}

/** @throws ERR_COMMAND_INVALID */
function prefixOf({ option }: Invocation): string {
  const prefix = option('prefix') ?? 'sluice'
  if (!/^[\w.:-]{1,64}$/.test(prefix))
    throw usageError(`sluice doctor: --prefix: expected 1 to 64 letters, digits, _ . : or -, got ${plain(prefix)}`)
  return prefix
}

/** @throws ERR_COMMAND_FAILED if the server cannot be reached */
async function diagnosed(address: ServerAddress, prefix: string, deadline: number): Promise<readonly Finding[]> {
  const first = await openNode(address)
  const nodes: Node[] = [first]
  const away: Finding[] = []
  try {
    const isCluster = first.info?.get('cluster_enabled') === '1'
    const primaries = isCluster ? await primariesOf(first) : undefined
    if (primaries !== undefined && primaries.length > 0) {
      nodes.length = 0
      for (const { host, port } of primaries) {
        const node = await openNode(address, { host, port }).catch((error: unknown) => unreachable(`${host}:${port}`, error))
        if ('client' in node) nodes.push(node)
        else away.push(node)
      }
      if (nodes.length === 0) nodes.push(first)
    }
    const byNode: (readonly [string, readonly Finding[]])[] = []
    for (const node of nodes) {
      const timing = timingFindings(await timingOf(node), deadline)
      byNode.push([node.name, [...(await serverFindings(node)), ...(await permissionFindings(node, prefix, isCluster)), ...timing]])
    }
    const data = await dataOf(nodes, prefix)
    const ofCluster = primaries === undefined ? [] : await clusterFindings(first, primaries, data.partitions)
    return [...away, ...merged(byNode), ...ofCluster, ...data.findings]
  } finally {
    for (const { client } of new Set([first, ...nodes])) client.disconnect()
  }
}

function unreachable(node: string, error: unknown): Finding {
  const advice = 'Decisions about its subjects fail. Is it announced by an address that this machine can reach?'
  return { check: 'node', level: 'problem', found: (error as Error).message.replace(/ \(ERR_.*$/, ''), advice, nodes: [node] }
}

const WORDS: Readonly<Record<Level, readonly [word: string, style: Parameters<Paint>[0]]>> = {
  ok: ['ok', 'green'],
  note: ['note', 'cyan'],
  warning: ['warn', 'yellow'],
  problem: ['FAIL', 'red'],
}
const INDENT = ' '.repeat(19)

function print({ name }: ServerAddress, findings: readonly Finding[], { print, paint }: Invocation): void {
  print(paint('bold', name))
  for (const { check, level, found, advice, nodes } of findings) {
    const [word, style] = WORDS[level]
    const where = nodes === undefined ? '' : `${nodes.join(', ')}: `
    print(`${paint(style, word.padEnd(4))}  ${check.padEnd(11)}  ${wrapped(plain(`${where}${found}`), 80 - INDENT.length, INDENT)}`)
    if (advice !== undefined) print(`${INDENT}${wrapped(plain(advice), 80 - INDENT.length, INDENT)}`)
  }
  const count = findings.filter(needsChange).length
  print(count === 0 ? 'nothing to change' : `${count} ${count === 1 ? 'finding' : 'findings'} to act on`)
}
