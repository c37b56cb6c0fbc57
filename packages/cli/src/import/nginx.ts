import type { LimitSpec, Match, PartSpec, RuleSpec } from '@sluice/policies'
import { DocumentBuilder, type Imported, nameOf, sharing } from './imported.ts'
import { type Directive, directivesOf } from './nginx-directives.ts'
import { writeDocument } from './write-document.ts'

/** A zone of `limit_req_zone`. */
interface Zone {
  readonly subject: string
  readonly limit: number
  readonly window: '1s' | '1m'
}

/** What holds at a place: nginx inherits each of these unless the place has its own. */
interface Scope {
  readonly limits: readonly Directive[]
  readonly status: number
  readonly isDry: boolean
}

interface Place {
  readonly hosts: readonly string[]
  readonly path: string
  readonly isExact: boolean
  readonly scope: Scope
}

/**
 * The limits of a configuration of nginx: `limit_req_zone` and `limit_req`. Zones become limits, and places become rules: the exact location
 * first, then the longest, as nginx chooses.
 * @throws ERR_COMMAND_FAILED
 */
export function importNginx(source: string, text: string, namespace: string): Imported {
  const builder = new DocumentBuilder()
  const directives = directivesOf(source, text)
  const zones = new Map<string, Zone>()
  walk(directives, (directive) => {
    if (directive.name === 'limit_req_zone') addZone(builder, directive, zones)
    if (directive.name === 'include')
      builder.note(directive.line, `include ${directive.words.join(' ')} is not read; import that file as well`)
    if (directive.name === 'limit_conn') builder.note(directive.line, 'limit_conn is left out; write a limit with algorithm: concurrency')
  })
  const places = placesIn(builder, directives).map((place) => ({
    place,
    limits: place.scope.limits.flatMap((each) => limitOf(builder, each, zones)),
  }))
  // A policy has one status and one mode, so each of them needs one of its own.
  const kindOf = ({ status, isDry }: Scope): string => `${status} ${isDry}`
  const kinds = [...new Set(places.filter(({ limits }) => limits.length > 0).map(({ place }) => kindOf(place.scope)))]
  const uses = new Map<string, number>()
  for (const kind of kinds) {
    const isHere = ({ place, limits }: (typeof places)[number]): boolean => limits.length > 0 && kindOf(place.scope) === kind
    const rules: RuleSpec[] = []
    // A place without limits here ends the search for one, or a shorter location would be for its requests as well.
    for (const each of places.slice(0, places.findLastIndex(isHere) + 1)) {
      const { place, limits } = each
      rules.push({ name: ruleName(place, rules), ...matchOf(place), limits: isHere(each) ? limits : [] })
    }
    for (const name of new Set(rules.flatMap((rule) => (rule.limits ?? []).map((limit) => limit.name))))
      uses.set(name, (uses.get(name) ?? 0) + 1)
    const [status, isDry] = kind.split(' ')
    const name = builder.policyName(isDry === 'true' ? 'nginx-dry-run' : 'nginx')
    builder.policies.push(sharing({ name, ...(isDry === 'true' ? { mode: 'shadow' as const } : {}), status: Number(status), rules }))
  }
  for (const [name, count] of uses) {
    if (count > 1)
      builder.note(
        undefined,
        `the zone ${name} has ${count} counters instead of one: its places differ in limit_req_status or limit_req_dry_run`,
      )
  }
  if (builder.policies.length === 0) builder.note(undefined, 'there is no limit_req whose zone is known')
  return { text: writeDocument(namespace, `Imported from ${source}, a configuration of nginx.`, builder), notes: builder.notes }
}

function walk(directives: readonly Directive[], visit: (directive: Directive) => void): void {
  for (const directive of directives) {
    visit(directive)
    walk(directive.block ?? [], visit)
  }
}

/** `limit_req_zone $binary_remote_addr zone=one:10m rate=1r/s` */
function addZone(builder: DocumentBuilder, { words, line }: Directive, zones: Map<string, Zone>): void {
  const [key = '', ...settings] = words
  const name = /^zone=([^:]+)/.exec(settings.find((word) => word.startsWith('zone=')) ?? '')?.[1]
  const [, limit, unit] = /^rate=(\d+)r\/([sm])$/.exec(settings.find((word) => word.startsWith('rate=')) ?? '') ?? []
  if (name === undefined || limit === undefined)
    return builder.note(line, 'the zone is left out: expected zone=<name>:<size> and rate=<n>r/s or r/m')
  const parts = partsOf(key)
  if (parts === undefined)
    return builder.note(line, `the zone ${name} is left out: Sluice has no value for ${key}; give it as an attribute`)
  const subject = builder.subject(subjectName(parts), {
    parts,
    ...(parts.some((part) => 'ip' in part) ? {} : { missing: 'skip' as const }),
  })
  zones.set(name, { subject, limit: Number(limit), window: unit === 's' ? '1s' : '1m' })
}

/** The values of a key such as `$binary_remote_addr$http_x_api_key`. */
function partsOf(key: string): readonly PartSpec[] | undefined {
  const parts: PartSpec[] = []
  for (const variable of key.match(/\$\{?\w+\}?|[^$]+/g) ?? []) {
    const name = variable.replaceAll(/[${}]/g, '')
    if (name === 'binary_remote_addr' || name === 'remote_addr') parts.push({ ip: true })
    else if (name.startsWith('http_')) parts.push({ header: name.slice('http_'.length).replaceAll('_', '-') })
    else if (name.startsWith('cookie_')) parts.push({ cookie: name.slice('cookie_'.length) })
    else if (name === 'host' || name === 'server_name') parts.push({ header: 'host' })
    // A text between variables only separates them.
    else if (variable.startsWith('$')) return undefined
  }
  return parts.length === 0 ? undefined : parts
}

function subjectName(parts: readonly PartSpec[]): string {
  return parts.map((part) => ('ip' in part ? 'address' : String(Object.values(part)[0]))).join('-')
}

/** `limit_req zone=one burst=5 nodelay` */
function limitOf(builder: DocumentBuilder, { words, line }: Directive, zones: ReadonlyMap<string, Zone>): readonly LimitSpec[] {
  const value = (name: string): string | undefined => words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1)
  const name = value('zone') ?? ''
  const zone = zones.get(name)
  if (zone === undefined) {
    builder.note(line, `limit_req is left out: the zone ${name} is not known here`)
    return []
  }
  const delay = value('delay')
  if (delay !== undefined) builder.note(line, `delay=${delay} is left out: all requests above the rate are delayed`)
  const burst = Number(value('burst') ?? 0) || 0
  // nginx counts those above the first one, Sluice all of them.
  const queue = burst > 0 && !words.includes('nodelay') ? { queue: true } : {}
  const { subject, limit, window } = zone
  return [{ name: nameOf(name, 32), algorithm: 'leakyBucket', limit, window, burst: burst + 1, ...queue, subject }]
}

const NOTHING: Scope = { limits: [], status: 503, isDry: false }

function placesIn(builder: DocumentBuilder, directives: readonly Directive[]): readonly Place[] {
  const places: Place[] = []
  const within = (scope: Scope, block: readonly Directive[]): Scope => {
    const own = block.filter(({ name }) => name === 'limit_req')
    const setting = (name: string): string | undefined => block.findLast((directive) => directive.name === name)?.words[0]
    const [status, dry] = [setting('limit_req_status'), setting('limit_req_dry_run')]
    return {
      limits: own.length > 0 ? own : scope.limits,
      status: status === undefined ? scope.status : Number(status),
      isDry: dry === undefined ? scope.isDry : dry === 'on',
    }
  }
  const visit = (block: readonly Directive[], outer: Scope, hosts: readonly string[], isServer: boolean): void => {
    const scope = within(outer, block)
    if (isServer) places.push({ hosts, path: '/', isExact: false, scope })
    for (const { name, words, line, block: inner } of block) {
      if (inner === undefined) continue
      if (name === 'server') visit(inner, scope, hostsOf(builder, inner), true)
      else if (name === 'http') visit(inner, scope, hosts, false)
      else if (name === 'location') {
        const [path, isExact] = words.length > 1 ? [words[1] ?? '', words[0] === '='] : [words[0] ?? '', false]
        const isRegex = words.length > 1 && /^~\*?$/.test(words[0] ?? '')
        if (isRegex || !path.startsWith('/')) {
          if (inner.some((each) => each.name === 'limit_req'))
            builder.note(line, `location ${words.join(' ')} is left out: a match has no regular expression`)
        } else places.push({ hosts, path, isExact, scope: within(scope, inner) })
        visit(inner, within(scope, inner), hosts, false)
      }
    }
  }
  visit(directives, NOTHING, [], false)
  const rank = ({ hosts, isExact, path }: Place): number => (hosts.length > 0 ? 1e6 : 0) + (isExact ? 1e5 : 0) + path.length
  // `location /` is for the requests of its server that no other location is for.
  const last = new Map(places.map((place) => [JSON.stringify([place.hosts, place.path, place.isExact]), place]))
  return [...last.values()].toSorted((a, b) => rank(b) - rank(a))
}

function hostsOf(builder: DocumentBuilder, block: readonly Directive[]): readonly string[] {
  return block.flatMap(({ name, words, line }) => {
    if (name !== 'server_name') return []
    return words.flatMap((host) => {
      if (host === '_' || host === '') return []
      if (host.startsWith('.')) return [host.slice(1), `*${host}`]
      if (host.startsWith('~') || host.endsWith('*')) {
        builder.note(line, `server_name ${host} is left out: a match has host names and *.example.org`)
        return []
      }
      return [host]
    })
  })
}

function matchOf({ hosts, path, isExact }: Place): { readonly match?: Match } {
  const paths = path === '/' && !isExact ? {} : { paths: [isExact ? path : `${path.replace(/\/$/, '')}/*`] }
  const match: Match = { ...(hosts.length > 0 ? { hosts } : {}), ...paths }
  return Object.keys(match).length === 0 ? {} : { match }
}

function ruleName({ hosts, path, isExact }: Place, rules: readonly RuleSpec[]): string {
  const wanted = nameOf(
    [hosts[0] ?? '', path === '/' && !isExact ? 'all' : path.slice(1), isExact ? 'exact' : ''].filter((part) => part !== '').join('-'),
    60,
  )
  const taken = new Set(rules.map(({ name }) => name.toLowerCase()))
  let name = wanted
  for (let i = 2; taken.has(name.toLowerCase()); i++) name = `${wanted}-${i}`
  return name
}
