import type { Heartbeat, HeartbeatResult, RegionBook, ShareTable } from './types.ts'

/** What the script of heartbeats takes. A table is a text, since Lua would round its shares. */
export function wireHeartbeat({ self, all, reads, shares, heard, isAsked, every, silence, keep }: Heartbeat): readonly unknown[] {
  const peers = heard.map(({ region, age, lag, reads: theirs, shares: tables, promised }) => {
    return [region, age, lag, theirs, tables.map(({ version }) => version), promised.map(wireTable)]
  })
  return [self, all.join(','), reads, isAsked ? 1 : 0, every, silence, keep, shares === undefined ? [] : wireTable(shares), ...peers]
}

function wireTable({ version, from, of }: ShareTable): readonly unknown[] {
  return [version, from, JSON.stringify(of)]
}

/** Reads the reply of the script: names and values in turn, after three numbers. */
export function heartbeatOf([, result, due, ...list]: readonly unknown[]): HeartbeatResult {
  const fields = new Map<string, string>()
  for (let i = 0; i < list.length; i += 2) fields.set(String(list[i]), String(list[i + 1]))
  const self = fields.get('self') ?? ''
  const all = (fields.get('all') ?? '').split(',')
  return Number(result) === 0
    ? { result: 'changed', self, all }
    : { result: 'done', isDue: Number(due) === 1, book: bookOf(self, all, fields) }
}

function bookOf(self: string, all: readonly string[], fields: ReadonlyMap<string, string>): RegionBook {
  const numberIn = (name: string): number => Number(fields.get(name) ?? 0)
  const readers = new Map<number, number>()
  const peers = new Map<string, { readonly heardAt: number; readonly lag: number; readonly reads: number }>()
  const promised: ShareTable[] = []
  const heard: Record<string, number[]> = {}
  for (const [name, value] of fields) {
    const [kind, key = '', version] = name.split(':')
    const numbers = value.split(' ')
    if (kind === 'r') readers.set(Number(key), Number(value))
    else if (kind === 'p') peers.set(key, { heardAt: Number(numbers[0]), lag: Number(numbers[1]), reads: Number(numbers[2]) })
    else if (kind === 't') promised.push(tableOf(key, value))
    else if (kind === 'h') (heard[key] ??= []).push(Number(version))
  }
  promised.sort((one, other) => one.version - other.version)
  const times = { since: numberIn('since'), calledAt: numberIn('called'), beatAt: numberIn('beat') }
  return { self, all, ...times, isAsked: fields.get('asked') === '1', readers, peers, shares: { promised, heard } }
}

function tableOf(version: string, value: string): ShareTable {
  const at = value.indexOf(' ')
  return { version: Number(version), from: Number(value.slice(0, at)), of: JSON.parse(value.slice(at)) as ShareTable['of'] }
}
