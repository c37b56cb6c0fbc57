import type { Ceiling } from '../checks/ceilings.ts'
import { type FailMode, isSluiceError, type KeyOf, type Limit, type LimitRule, type Mode, type RequestFacts } from '@sluice/core'
import { type Canonicalizer, canonicalizer, type SubjectReader, subjectReader } from '@sluice/core/adapter-kit'
import { scopeOf } from '@sluice/core/store-kit'
import type { LimitSpec, NumbersSpec, OverrideSpec, PolicyDocument, PolicySpec, RuleSpec } from '../document.ts'
import { fieldOf, type RequestView } from '../request.ts'
import type { Asked } from './asked.ts'
import { type CostReader, costReader } from './costs.ts'
import { ruleOf, withNumbers } from './limit-rules.ts'
import { type Condition, conditionOf } from './match.ts'
import { allowedValues, type Narrowable } from './narrowing.ts'
import { SubjectOverrides } from './overrides.ts'
import { Pool } from './pool.ts'
import { RuleIndex } from './rule-index.ts'
import { type Schedule, scheduleOf } from './schedule.ts'
import { Digests } from '../digest.ts'
import { keyOf } from './subject-keys.ts'

/** A document in the form in which requests are decided. It never changes: another revision is another object. */
export interface Revision<C> {
  readonly document: PolicyDocument
  readonly policies: readonly CompiledPolicy<C>[]
  /** Reads a subject, by its index. */
  readonly subjects: readonly SubjectReader<Asked<C>>[]
  /** The rules, and the exemptions, that may match a request, in the order of the document. */
  readonly rules: RuleIndex<Candidate<C>>
  readonly tier: CompiledTier | undefined
  /** Whether the time decides anything: a schedule, or the end of an override. */
  readonly readsTime: boolean
}

export interface CompiledTier {
  readonly path: readonly string[]
  readonly default: string
  /** Where the id of the client is that a table knows; `undefined` without a table. */
  readonly client: readonly string[] | undefined
}

/** A rule or an exemption whose path fits. */
export interface Candidate<C> extends Narrowable {
  readonly condition: Condition<C>
  /** `undefined` for an exemption. */
  readonly rule: CompiledRule<C> | undefined
}

export interface CompiledPolicy<C> {
  readonly name: string
  readonly mode: Mode
  readonly failMode: FailMode
  readonly status: number
  readonly schedule: Schedule | undefined
  readonly rollout: { readonly percent: number; readonly subject: number; readonly salt: string } | undefined
  readonly overrides: readonly { readonly subject: number; readonly of: SubjectOverrides }[]
  readonly rules: readonly CompiledRule<C>[]
}

export interface CompiledRule<C> {
  readonly name: string
  readonly policy: CompiledPolicy<C>
  readonly schedule: Schedule | undefined
  readonly limits: readonly CompiledLimit<C>[]
  readonly tiers: ReadonlyMap<string, readonly CompiledLimit<C>[]> | undefined
  /** The subjects that any limit, or any override, of this rule may need, by their index. */
  readonly subjects: readonly number[]
}

export interface CompiledLimit<C> {
  readonly spec: LimitSpec
  readonly rule: LimitRule
  /** The scope of its counter where the limit is enforced. */
  readonly scope: string
  readonly subject: number
  /** How `limiter.reset` spells its subject. */
  readonly key: KeyOf<Asked<C>>
  /** Whether each of its subjects belongs to one client of the table, whose row may set its numbers. */
  readonly isOfClient: boolean
  /** What the numbers of a row are cut to, by the ceilings. `Infinity`: they are not cut. */
  readonly most: number
  readonly cost: CostReader<C>
  /** The limit with other numbers. Made once for each of them. */
  amended(numbers: NumbersSpec): Limit
  /** The limit with the numbers of a row of the table, cut to the ceilings. */
  ofClient(numbers: NumbersSpec): Limit
}

/** What a document is compiled with. */
export interface CompileOptions {
  /** How many leading bits of an IPv6 address are one client: 32 to 64. Default: 56. */
  readonly ipv6Prefix?: number | undefined
  /** Writes addresses instead of one that `ipv6Prefix` makes. Default: none. */
  readonly canonical?: Canonicalizer | undefined
  /** Keeps what is the same in the next revision. Default: nothing is kept. */
  readonly pool?: Pool | undefined
  /** Cuts the numbers of the table of clients. Default: they are not cut. */
  readonly ceiling?: Ceiling | undefined
}

/** @param view reads the requests of a framework, or of a test */
export function compile<C>(
  document: PolicyDocument,
  view: RequestView<C>,
  { ipv6Prefix, canonical = canonicalizer(ipv6Prefix), pool = new Pool(), ceiling }: CompileOptions = {},
): Revision<C> {
  const digests = new Digests()
  const subjectSpecs = document.subjects ?? {}
  const names = Object.keys(subjectSpecs)
  const keys = Object.values(subjectSpecs).map((spec) => pool.key(spec, () => keyOf<C>(spec)))
  const facts = factsOf(view, canonical)
  const subjects = Object.values(subjectSpecs).map(({ missing }, i) =>
    subjectReader(keys[i] as KeyOf<Asked<C>>, { facts, missing, canonical }),
  )
  const client = document.tier?.table === undefined ? undefined : (document.tier.by ?? 'client')
  const isOfClient = Object.values(subjectSpecs).map(({ parts }) => parts.some((part) => 'attribute' in part && part.attribute === client))
  const limitOf = limitCompiler(document.namespace, { names, keys, isOfClient }, view, { pool, ceiling })
  const rules = new RuleIndex<Candidate<C>>()
  const add = (match: RuleSpec['match'] = {}, rule?: CompiledRule<C>): void => {
    const condition = conditionOf(match, { view, digests }, rule === undefined)
    rules.add({ condition, rule, allowed: allowedValues(match) }, match)
  }
  for (const match of document.exempt ?? []) add(match)
  const policies = (document.policies ?? []).map((spec) => {
    const policy = policyOf<C>(spec, document.namespace, names, limitOf, digests)
    for (const [i, rule] of policy.rules.entries()) add(spec.rules[i]?.match, rule)
    return policy
  })
  const tier = document.tier && {
    path: document.tier.attribute.split('.'),
    default: document.tier.default,
    client: client?.split('.'),
  }
  return { document, policies, subjects, rules, tier, readsTime: (document.policies ?? []).some(readsTime) }
}

/** What core reads subjects from, by the view of the request. */
function factsOf<C>(view: RequestView<C>, canonical: Canonicalizer): RequestFacts<Asked<C>> {
  return {
    method: ({ context }) => view.method(context),
    // The network of the client, also where it stands for a missing value.
    address({ context }) {
      const address = view.address(context)
      return address && (canonical(address) ?? address)
    },
    header: ({ context }, name) => view.header(context, name),
    route: ({ context }) => view.route?.(context),
    body: ({ context }) => view.body?.(context),
  }
}

function subjectsOf<C>({ overrides, rollout }: CompiledPolicy<C>, lists: readonly (readonly CompiledLimit<C>[])[]): readonly number[] {
  const ofPolicy = [...overrides.map(({ subject }) => subject), ...(rollout === undefined ? [] : [rollout.subject])]
  return [...new Set([...ofPolicy, ...lists.flat().map(({ subject }) => subject)])]
}

type LimitCompiler<C> = (policy: string, spec: LimitSpec) => CompiledLimit<C>

function policyOf<C>(
  spec: PolicySpec,
  namespace: string,
  subjects: readonly string[],
  limitOf: LimitCompiler<C>,
  digests: Digests,
): CompiledPolicy<C> {
  const { name, mode = 'enforce', failMode = 'local', status = 429, rollout } = spec
  const bySubject = new Map<string, OverrideSpec[]>()
  for (const override of spec.overrides ?? []) bySubject.set(override.subject, [...(bySubject.get(override.subject) ?? []), override])
  const rules: CompiledRule<C>[] = []
  const policy: CompiledPolicy<C> = {
    name,
    mode,
    failMode,
    status,
    schedule: scheduleOf(spec.active),
    rollout: rollout && { percent: rollout.percent, subject: subjects.indexOf(rollout.by), salt: `${namespace}\n${name}` },
    overrides: [...bySubject].map(([subject, list]) => ({
      subject: subjects.indexOf(subject),
      of: new SubjectOverrides(list, `${namespace}\n${name}\noverrides`, digests),
    })),
    rules,
  }
  const limitsOf = (list: readonly LimitSpec[]): readonly CompiledLimit<C>[] => list.map((limit) => limitOf(name, limit))
  for (const rule of spec.rules) {
    const tiers = rule.tiers && new Map(Object.entries(rule.tiers).map(([tier, list]) => [tier, limitsOf(list)]))
    const own = limitsOf(rule.limits ?? [])
    rules.push({
      name: rule.name,
      policy,
      schedule: scheduleOf(rule.active),
      limits: own,
      tiers,
      subjects: subjectsOf(policy, [own, ...(tiers?.values() ?? [])]),
    })
  }
  return policy
}

/** The subjects of a document, in its order. */
interface CompiledSubjects<C> {
  readonly names: readonly string[]
  readonly keys: readonly KeyOf<Asked<C>>[]
  readonly isOfClient: readonly boolean[]
}

interface LimitParts {
  readonly pool: Pool
  readonly ceiling: Ceiling | undefined
}

function limitCompiler<C>(
  namespace: string,
  subjects: CompiledSubjects<C>,
  view: RequestView<C>,
  { pool, ceiling }: LimitParts,
): LimitCompiler<C> {
  return (policy, spec) => {
    const rule = pool.rule(ruleOf(policy, spec))
    // Only documents and tables of clients name numbers, so there are few.
    const known = new Map<string, Limit>()
    const amended = (numbers: NumbersSpec): Limit => {
      const id = `${numbers.limit ?? ''}/${numbers.burst ?? ''}`
      const limit = known.get(id) ?? limitWith(numbers)
      if (known.size >= MAX_NUMBERS) known.clear()
      known.set(id, limit)
      return limit
    }
    const limitWith = (numbers: NumbersSpec): Limit => {
      try {
        return pool.rule(ruleOf(policy, withNumbers(spec, numbers))).limit
      } catch (error) {
        // Numbers of a row, or of two overrides together, with which the limit is not exact. No request may fail for them.
        if (isSluiceError(error)) return rule.limit
        throw error
      }
    }
    const isOfClient = subjects.isOfClient[subjects.names.indexOf(spec.subject)] === true
    const most = isOfClient && ceiling !== undefined ? ceiling.of(spec) : Infinity
    const ofClient = (numbers: NumbersSpec): Limit => amended(most === Infinity ? numbers : cutTo(most, numbers))
    const cost = costReader(spec.algorithm === 'concurrency' ? undefined : spec.cost, view)
    const subject = subjects.names.indexOf(spec.subject)
    const key = subjects.keys[subject] as KeyOf<Asked<C>>
    const scope = scopeOf(namespace, undefined, rule.limit)
    return { spec, rule, scope, subject, key, isOfClient, most, cost, amended, ofClient }
  }
}

const MAX_NUMBERS = 1_000

function cutTo(most: number, { limit, burst }: NumbersSpec): NumbersSpec {
  return { limit: limit && Math.min(limit, most), burst: burst && Math.min(burst, most) }
}

/** The tier that the attributes name; `undefined` where the document has none. */
export function tierOf<C>({ tier }: Revision<C>, attributes: unknown): string | undefined {
  if (tier === undefined) return undefined
  const value = fieldOf(attributes, tier.path)
  return typeof value === 'string' ? value : tier.default
}

function readsTime({ active, rules, overrides = [] }: PolicySpec): boolean {
  return active !== undefined || rules.some((rule) => rule.active !== undefined) || overrides.some(({ until }) => until !== undefined)
}
