import type { LimitSpec, RuleSpec } from '@sluice/policies'
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLMap } from 'yaml'
import { failed } from '../terminal/terminal.ts'
import { DocumentBuilder, type Imported, nameOf, sharing } from './imported.ts'
import { writeDocument } from './write-document.ts'

/** An entry of a configuration of envoyproxy/ratelimit. */
interface Descriptor {
  readonly key: string
  readonly value: string | undefined
  readonly limit: LimitSpec | undefined
  readonly isShadow: boolean
  readonly descriptors: readonly Descriptor[]
}

/** How many units of time one unit of Envoy is. */
const UNITS: Readonly<Record<string, readonly [factor: number, unit: string]>> = {
  second: [1, 's'],
  minute: [1, 'm'],
  hour: [1, 'h'],
  day: [1, 'd'],
  week: [7, 'd'],
  month: [30, 'd'],
  year: [365, 'd'],
}
const KNOWN = new Set([
  'key',
  'value',
  'rate_limit',
  'descriptors',
  'shadow_mode',
  'quota_mode',
  'detailed_metric',
  'value_to_metric',
  'share_threshold',
])
/** The attribute in which the service gives the keys of a descriptor, in their order. */
const KEYS = 'descriptor_keys'
const SEPARATOR = ','

/**
 * A configuration of envoyproxy/ratelimit. The entries of a descriptor become attributes. Each list of keys becomes a policy for the descriptors
 * with exactly these keys, as in Envoy; within it, a value that is named goes before any other value, as in Envoy.
 * @throws ERR_COMMAND_FAILED
 */
export function importEnvoy(source: string, text: string, namespace?: string): Imported {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const [error] = document.errors
  const lineOf = (offset: number | undefined): number => lines.linePos(offset ?? 0).line
  if (error !== undefined) throw failed(`${source}: line ${lineOf(error.pos[0])}: expected YAML: ${error.message}`)
  const { contents } = document
  const domain: unknown = isMap(contents) ? contents.get('domain') : undefined
  if (!isMap(contents) || typeof domain !== 'string')
    throw failed(`${source}: expected a configuration of envoyproxy/ratelimit, with domain and descriptors`)
  const builder = new DocumentBuilder()
  const own = namespace ?? namespaceOf(domain)
  if (namespace === undefined && own !== domain)
    builder.note(lineOf(contents.range?.[0]), `the domain cannot be a namespace: set domain: ${own} in Envoy`)
  const reader = new Reader(builder, lineOf)
  const descriptors = reader.list(contents, [])
  for (const keys of keyLists(descriptors)) addPolicies(builder, keys, descriptors)
  return {
    text: writeDocument(own, `Imported from ${source}, a configuration of envoyproxy/ratelimit.`, builder),
    notes: builder.notes,
  }
}

function namespaceOf(domain: string): string {
  const plain = domain.replaceAll(/[^A-Za-z0-9_.-]+/g, '-').replace(/^[^A-Za-z]+/, '')
  return (plain === '' ? 'imported' : plain).slice(0, 64)
}

class Reader {
  private readonly builder: DocumentBuilder
  private readonly lineOf: (offset: number | undefined) => number

  constructor(builder: DocumentBuilder, lineOf: (offset: number | undefined) => number) {
    this.builder = builder
    this.lineOf = lineOf
  }

  /** @param above the keys of the entries before */
  list(map: YAMLMap, above: readonly string[]): readonly Descriptor[] {
    const list: unknown = map.get('descriptors', true)
    return isSeq(list) ? list.items.flatMap((item) => (isMap(item) ? this.descriptor(item, above) : [])) : []
  }

  private descriptor(map: YAMLMap, above: readonly string[]): readonly Descriptor[] {
    const line = this.lineOf(map.range?.[0])
    const [key, value] = [map.get('key'), textOf(map.get('value', true))]
    for (const { key: field } of map.items) {
      const name = isScalar(field) ? String(field.value) : ''
      if (!KNOWN.has(name)) this.builder.note(line, `${name} is left out: Sluice has no such setting`)
    }
    if (typeof key !== 'string' || !/^(?!(?:__proto__|constructor|prototype)$)[^.,]{1,64}$/.test(key)) {
      this.builder.note(line, `the descriptor is left out: its key cannot be the name of an attribute`)
      return []
    }
    if (above.includes(key)) {
      this.builder.note(line, `${key} is left out: it is in its own path, and an attribute has one value`)
      return []
    }
    // Envoy reads a pattern at the end only.
    if (value?.endsWith('*') === true) {
      this.builder.note(line, `${key}: ${value} is left out: a match has whole values, no patterns`)
      return []
    }
    const isQuota = map.get('quota_mode') === true
    if (isQuota) this.builder.note(line, 'quota_mode is a policy in shadow: it refuses nothing, and dynamic_metadata does not name it')
    const isShadow = isQuota || map.get('shadow_mode') === true
    return [{ key, value, limit: this.limit(map, line), isShadow, descriptors: this.list(map, [...above, key]) }]
  }

  private limit(map: YAMLMap, line: number): LimitSpec | undefined {
    const spec: unknown = map.get('rate_limit', true)
    if (!isMap(spec) || spec.get('unlimited') === true) return undefined
    if (spec.has('replaces')) this.builder.note(line, 'replaces is left out: both limits hold; remove the one that is replaced')
    const [unit, limit, multiplier]: readonly unknown[] = [
      spec.get('unit'),
      spec.get('requests_per_unit'),
      spec.get('unit_multiplier') ?? 1,
    ]
    const known = typeof unit === 'string' ? UNITS[unit.toLowerCase()] : undefined
    if (known === undefined || !isWhole(limit, 0) || !isWhole(multiplier, 1)) {
      this.builder.note(line, 'the limit is left out: expected unit (second to year) and requests_per_unit')
      return undefined
    }
    const [factor, letter] = known
    const name = `${String(unit).toLowerCase()}${multiplier === 1 ? '' : multiplier}`
    return { name, algorithm: 'fixedWindow', limit, window: `${factor * multiplier}${letter}`, subject: '' }
  }
}

/** A value as it is written: Envoy takes `1.0` and `true` for texts. An empty one is none. */
function textOf(node: unknown): string | undefined {
  if (!isScalar(node) || node.value === null) return undefined
  const text = typeof node.value === 'string' ? node.value : node.source
  return text === '' ? undefined : text
}

function isWhole(value: unknown, least: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least
}

/** Each list of keys that has a limit: `[key1, subkey1]`. */
function keyLists(descriptors: readonly Descriptor[]): readonly (readonly string[])[] {
  const found = new Map<string, readonly string[]>()
  const walk = (list: readonly Descriptor[], above: readonly string[]): void => {
    for (const { key, limit, descriptors: below } of list) {
      const keys = [...above, key]
      if (limit !== undefined) found.set(JSON.stringify(keys), keys)
      walk(below, keys)
    }
  }
  walk(descriptors, [])
  return [...found.values()]
}

/** One policy, and a second one for what is in shadow. */
function addPolicies(builder: DocumentBuilder, keys: readonly string[], descriptors: readonly Descriptor[]): void {
  const subject = builder.subject(keys.join('-'), { parts: [...new Set(keys)].map((attribute) => ({ attribute })), missing: 'skip' })
  for (const isShadow of [false, true]) {
    const rules = rulesOf(keys, descriptors, subject, isShadow)
    if (rules.every(({ limits = [] }) => limits.length === 0)) continue
    const name = builder.policyName(isShadow ? `${keys.join('-')}-shadow` : keys.join('-'))
    builder.policies.push(sharing({ name, ...(isShadow ? { mode: 'shadow' as const } : {}), rules }))
  }
}

function rulesOf(keys: readonly string[], descriptors: readonly Descriptor[], subject: string, isShadow: boolean): readonly RuleSpec[] {
  const rules: RuleSpec[] = []
  const names = new Set<string>()
  const add = (values: Readonly<Record<string, string>>, limit: LimitSpec | undefined): void => {
    const wanted = nameOf(Object.values(values).join('-') || 'any', 60)
    let name = wanted
    for (let i = 2; names.has(name.toLowerCase()); i++) name = `${wanted}-${i}`
    names.add(name.toLowerCase())
    const match = { attributes: { [KEYS]: keys.join(SEPARATOR), ...values } }
    rules.push({ name, match, limits: limit === undefined ? [] : [{ ...limit, subject }] })
  }
  const walk = (list: readonly Descriptor[], depth: number, values: Readonly<Record<string, string>>): void => {
    const here = list
      .filter(({ key }) => key === keys[depth])
      .toSorted((a, b) => Number(a.value === undefined) - Number(b.value === undefined))
    // Envoy does not go back to another value where this one has no such descriptor.
    if (here.length === 0) add(values, undefined)
    for (const { key, value, limit, isShadow: isOwn, descriptors: below } of here) {
      const own = value === undefined ? values : { ...values, [key]: value }
      if (depth === keys.length - 1) add(own, isOwn === isShadow ? limit : undefined)
      else walk(below, depth + 1, own)
    }
  }
  walk(descriptors, 0, {})
  return rules
}
