// What a block list costs a request: its check, and the count of its decision.
import { runContenders } from '../measure/process.ts'
import type { Group } from '../report/report.ts'

const EMPTY = 'a check of an empty list'
const CONTENDERS: Readonly<Record<string, string>> = {
  [EMPTY]: 'empty',
  'IPv4, not blocked': 'ipv4',
  'IPv4, blocked': 'ipv4-blocked',
  'IPv6, not blocked': 'ipv6',
  'a subject and an address': 'subject',
}
const COUNTED = 'the count of an admitted request, beside a check'
const PIPELINE = 'a request through the pipeline, without a list'
const WITH_LIST = 'a request through the pipeline, with the list'
const OTHERS: Readonly<Record<string, string>> = {
  'IPv4, another client each time': 'ipv4-new',
  'IPv6, another client each time': 'ipv6-new',
  [COUNTED]: 'counted',
  [PIPELINE]: 'pipeline',
  [WITH_LIST]: 'pipeline-list',
}

/** ns */
const MOST = 200

export const blockList: Group = {
  name: 'block-list',
  title: 'Block list',
  about:
    '100,000 entries: 80,000 IPv4 addresses, 5,000 CIDRs of 8 to 31 bits, 10,000 networks of IPv6 with 32 to 128 bits, and 5,000 subjects. 10,000 clients in random order. Each contender has a process of its own.',
  full: [25, 200],
  quick: [7, 100],
  async run(settings) {
    const rounds = await runContenders('groups/block-list-process.ts', { ...CONTENDERS, ...OTHERS }, settings)
    const ns = (name: string): number => Math.round(rounds.median(name, ({ cpu }) => cpu * 1_000))
    const least = (name: string): number => Math.round(Math.min(...rounds.of(name).map(({ cpu }) => cpu * 1_000)))
    return {
      tables: [
        { columns: ['contender', 'ns of CPU', 'the fastest round'], rows: rounds.names.map((name) => [name, ns(name), least(name)]) },
      ],
      targets: Object.keys(CONTENDERS)
        .filter((name) => name !== EMPTY)
        .map((name) => ({ what: `${name}: ns of CPU`, must: 'at most', target: MOST, measured: ns(name) })),
      data: rounds.toJSON(),
    }
  },
}
