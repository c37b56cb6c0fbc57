import type { Clock } from '@sluice/core'
import type { PolicySource } from '@sluice/core/store-kit'
import { ceilingOf, type CeilingsDocument, type CeilingSpec } from '../ceilings.ts'
import { Ceiling } from '../checks/ceilings.ts'
import type { PolicyDocument } from '../document.ts'
import { parseLocatedCeilings } from '../parse.ts'
import type { Finding } from '../problems.ts'
import { type Accepted, acceptedOf, answerTo, reportAnswer } from './acceptance.ts'
import type { DiskCache } from './disk-cache.ts'
import { SourceFollower } from './source-follower.ts'
import type { Warnings } from './warnings.ts'

/** The file of the cache in which the last good ceilings are. No namespace has it, since those end in `.policy.yaml`. */
const FILE = 'ceilings.yaml'

/** What the warnings of lacking ceilings are of. */
const MISSING = 'missing ceilings'

interface Parts {
  readonly clock: Clock
  readonly warnings: Warnings
  readonly cache: DiskCache | undefined
}

/** The ceilings of a feed: none, those of a document, or those that a source has. */
export class CeilingsInForce {
  private accepted: Accepted<CeilingsDocument> | undefined
  private readonly follower: SourceFollower | undefined
  private readonly parts: Parts
  private readonly onChange: () => void
  private readonly made = new WeakMap<CeilingSpec, Ceiling>()

  constructor(given: CeilingsDocument | PolicySource | undefined, parts: Parts, onChange: () => void) {
    this.parts = parts
    this.onChange = onChange
    if (given !== undefined && isSource(given)) this.follower = this.follow(given)
    else this.accepted = given && acceptedOf(given)
  }

  /** The revision in force; `undefined` if there is none. */
  get revision(): number | undefined {
    return this.accepted?.document.revision
  }

  /** Whether documents may come into force: not before the ceilings of a source are known. */
  get isKnown(): boolean {
    return this.follower === undefined || this.accepted !== undefined
  }

  of(namespace: string): Ceiling | undefined {
    const spec = this.accepted && ceilingOf(this.accepted.document, namespace)
    if (spec === undefined) return undefined
    const known = this.made.get(spec) ?? new Ceiling(spec)
    this.made.set(spec, known)
    return known
  }

  /** What of a document exceeds its ceilings; `undefined` while they are not known. */
  exceedingOf(document: PolicyDocument): readonly Finding[] | undefined {
    return this.isKnown ? (this.of(document.namespace)?.findingsOf(document) ?? []) : undefined
  }

  /** Resolves when the source was read for the first time. */
  start(): Promise<void> | undefined {
    return this.follower?.start()
  }

  /** Takes what the cache has, if it is newer than what the source has. */
  async restore(): Promise<void> {
    const text = this.follower === undefined ? undefined : await this.parts.cache?.read(FILE)
    if (text !== undefined) this.take(text, FILE, 'cache')
  }

  async load(): Promise<void> {
    await this.follower?.load()
  }

  async close(): Promise<void> {
    await this.follower?.close()
  }

  private follow(source: PolicySource): SourceFollower {
    return new SourceFollower(source, 'ceilings', this.parts, {
      all: (documents) => {
        for (const { key, text } of documents) this.take(text, key, 'source')
        if (documents.length === 0) this.miss(source.name)
      },
      put: (text, key) => this.take(text, key, 'source'),
      missing: () => this.miss(source.name),
    })
  }

  private miss(name: string): void {
    const effect = this.isKnown ? 'those in force stay' : 'no document of policies comes into force'
    this.parts.warnings.report(MISSING, 'WARN_POLICY_MISSING', `${name} has no ceilings, so ${effect}; publish them, or leave ceilings out`)
  }

  private take(text: string, key: string, from: 'source' | 'cache'): void {
    const { warnings, cache } = this.parts
    const answer = answerTo(text, key, { parse: parseLocatedCeilings, currentOf: () => this.accepted })
    if (from === 'source' || answer.kind === 'accepted') reportAnswer(warnings, key, answer)
    if (answer.kind === 'accepted' || answer.kind === 'confirmed') warnings.clear(MISSING)
    if (answer.kind !== 'accepted') return
    this.accepted = answer.accepted
    if (from === 'source') cache?.save(FILE, text, warnings)
    this.onChange()
  }
}

export function isSource(value: unknown): value is PolicySource {
  const { load, watch } = (value ?? {}) as Partial<PolicySource>
  return typeof load === 'function' && typeof watch === 'function'
}
