import { type Document, isAlias, isCollection, isMap, isNode, isScalar, LineCounter, parseAllDocuments, visit } from 'yaml'
import { safeParse } from 'valibot'
import type { CeilingsDocument } from './ceilings.ts'
import { ceilingsSchema } from './ceilings-schema.ts'
import { checkCeilings } from './checks/ceilings.ts'
import { checkDocument } from './checks.ts'
import type { PolicyDocument } from './document.ts'
import { type Finding, type Path, pathText, PolicyError, type Problem } from './problems.ts'
import { documentSchema } from './schema.ts'
import { MAX, type Schema } from './schema-parts.ts'
import { findingsOf } from './schema-findings.ts'

/** Where a text comes from, for messages. */
export interface ParseOptions {
  /** Names the document in messages, such as the path of its file. Default: `'document'`. */
  readonly source?: string | undefined
}

/**
 * Reads a policy document from YAML or JSON, and checks all of it.
 * @param text at most 1 MiB of UTF-8
 * @throws PolicyError (ERR_POLICY_INVALID) with line, column and reason of each problem
 * @example
 * ```ts
 * import { parseDocument } from '@sluice/policies'
 *
 * const document = parseDocument(`
 * apiVersion: sluice/v1
 * namespace: shop
 * revision: 1
 * subjects: { address: { parts: [{ ip: true }] } }
 * policies:
 *   - name: api
 *     rules: [{ name: all, limits: [{ name: minute, algorithm: slidingWindow, limit: 100, window: 1m, subject: address }] }]
 * `)
 * console.log(document.namespace, document.revision)
 * ```
 */
export function parseDocument(text: string, options: ParseOptions = {}): PolicyDocument {
  return parseLocated(text, options.source).document
}

/**
 * Reads a document of ceilings from YAML or JSON, and checks all of it.
 * @param text at most 1 MiB of UTF-8
 * @throws PolicyError (ERR_POLICY_INVALID) with line, column and reason of each problem
 * @example
 * ```ts
 * import { parseCeilings } from '@sluice/policies'
 *
 * const ceilings = parseCeilings(`
 * apiVersion: sluice/v1
 * kind: ceilings
 * revision: 1
 * namespaces:
 *   payments: { rates: [{ limit: 1000, window: 1m }], failMode: local, overrides: 500 }
 *   '*': { rates: [{ limit: 100, window: 1m }] }
 * `)
 * console.log(ceilings.revision)
 * ```
 */
export function parseCeilings(text: string, options: ParseOptions = {}): CeilingsDocument {
  return parseLocatedCeilings(text, options.source ?? 'ceilings').document
}

/** Reads ceilings as `parseCeilings` does. @throws PolicyError */
export function parseLocatedCeilings(text: string, source: string): LocatedDocument<CeilingsDocument> {
  return located(text, source, CEILINGS)
}

/** Checks ceilings that are data already. @throws PolicyError */
export function checkCeilingsData(value: unknown, source: string): CeilingsDocument {
  return checkedData(value, source, CEILINGS)
}

/** How a kind of document is checked. */
interface Kind<T> {
  readonly schema: Schema<T>
  check(this: void, document: T): readonly Finding[]
}

const POLICIES: Kind<PolicyDocument> = { schema: documentSchema, check: checkDocument }
const CEILINGS: Kind<CeilingsDocument> = { schema: ceilingsSchema, check: checkCeilings }

/** A document, and where its values are in its text. */
export interface LocatedDocument<T = PolicyDocument> {
  readonly document: T
  /** A finding with the line of its value, or of the nearest value around it. */
  readonly locate: (finding: Finding) => Problem
}

/** Reads a document as `parseDocument` does. @throws PolicyError */
export function parseLocated(text: string, source: string = 'document'): LocatedDocument {
  return located(text, source, POLICIES)
}

function located<T>(text: string, source: string, { schema, check }: Kind<T>): LocatedDocument<T> {
  const read = readYaml(text, schema, check)
  if ('problems' in read) throw new PolicyError(source, read.problems)
  return { document: read.value, locate: read.locate }
}

/** A text that was read, or what is wrong with it, in the order of its lines. */
export type ReadYaml<T> = { readonly value: T; readonly locate: (finding: Finding) => Problem } | { readonly problems: readonly Problem[] }

/** Reads YAML or JSON by a schema. @param check finds what the schema cannot say */
export function readYaml<T>(text: string, schema: Schema<T>, check: (value: T) => readonly Finding[] = () => []): ReadYaml<T> {
  const whole = (message: string): ReadYaml<T> => ({ problems: [{ path: '', message, line: undefined, column: undefined }] })
  // The length in UTF-16 units is never above the length in bytes, so a long text is not encoded to be measured.
  if (text.length > MAX.bytes || new TextEncoder().encode(text).length > MAX.bytes)
    return whole(`expected at most ${MAX.bytes} bytes; split it into several namespaces`)
  if (isTooDeep(text)) return whole(`expected at most ${MAX.depth} levels`)
  const lines = new LineCounter()
  const parsed = parsedYaml(text, lines)
  if (typeof parsed === 'string') return whole(parsed)
  const { root, errors } = parsed
  if (errors.length > 0) return { problems: errors }
  const value: unknown = root.toJS({ maxAliasCount: 0 })
  const checked = checkValue(value, { schema, check })
  const locate = (finding: Finding): Problem => placed(finding, root, lines)
  if ('document' in checked) return { value: checked.document, locate }
  return { problems: checked.findings.map(locate).toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)) }
}

/** Checks a document that is data already. @throws PolicyError */
export function checkData(value: unknown, source: string): PolicyDocument {
  return checkedData(value, source, POLICIES)
}

function checkedData<T>(value: unknown, source: string, kind: Kind<T>): T {
  const checked = checkValue(value, kind)
  if ('document' in checked) return checked.document
  const problems = checked.findings.map(({ path, message }) => ({ path: pathText(path), message, line: undefined, column: undefined }))
  throw new PolicyError(source, problems)
}

function checkValue<T>(value: unknown, { schema, check }: Kind<T>): { readonly document: T } | { readonly findings: readonly Finding[] } {
  const result = safeParse(schema, value)
  if (!result.success) return { findings: findingsOf(result.issues) }
  const findings = check(result.output)
  return findings.length > 0 ? { findings } : { document: result.output }
}

/** The parser needs seconds, and the whole stack, for a text of brackets or dashes alone. */
function isTooDeep(text: string): boolean {
  if (/^[ \t]*(?:[-?][ \t]+){20}/m.test(text)) return true
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char === OPEN_BRACKET || char === OPEN_BRACE) {
      if (++depth > 10 * MAX.depth) return true
    } else if ((char === CLOSE_BRACKET || char === CLOSE_BRACE) && depth > 0) depth--
  }
  return false
}
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

type Yaml = { readonly root: Document; readonly errors: readonly Problem[] }

/** The parsed text, or why it is none. */
function parsedYaml(text: string, lines: LineCounter): Yaml | string {
  let documents: ReturnType<typeof parseAllDocuments>
  try {
    documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: true, version: '1.2' })
  } catch (error) {
    return `expected YAML or JSON: ${(error as Error).message}`
  }
  if (!Array.isArray(documents) || documents.length === 0) return 'expected a document, got an empty text'
  if (documents.length > 1) return `expected one document, got ${documents.length}; remove the lines ---`
  const root = documents[0] as Document
  const errors = [...root.errors, ...root.warnings].map(({ message, pos }) => problemAt(message, pos[0], lines))
  if (errors.length > 0) return { root, errors }
  return { root, errors: forbidden(root, lines) }
}

/** What YAML allows and a document must not have: aliases, which can make it grow without bound, and names that every object has. */
function forbidden(root: Document, lines: LineCounter): readonly Problem[] {
  const problems: Problem[] = []
  const add = (message: string, range: readonly number[] | null | undefined): void => {
    problems.push(problemAt(message, range?.[0] ?? 0, lines))
  }
  visit(root, {
    Node(_, node, path) {
      if (path.length > 2 * MAX.depth) {
        add(`expected at most ${MAX.depth} levels`, node.range)
        return visit.BREAK
      }
      if (isAlias(node)) add('expected no alias (*name); write the value out', node.range)
      if ((isScalar(node) || isCollection(node)) && node.anchor !== undefined) add('expected no anchor (&name); remove it', node.range)
      if (isNode(node) && node.tag !== undefined && !isPlainTag(node.tag)) add(`expected no tag, got ${node.tag}`, node.range)
      return undefined
    },
    Pair(_, { key }) {
      if (!isScalar(key) || typeof key.value !== 'string') add('expected a text as key', isNode(key) ? key.range : undefined)
      else if (key.value === '__proto__' || key.value === '<<') add(`expected another key than ${key.value}`, key.range)
    },
  })
  return problems
}

function isPlainTag(tag: string): boolean {
  return tag.startsWith('tag:yaml.org,2002:') && /:(?:map|seq|str|int|float|bool|null)$/.test(tag)
}

function problemAt(message: string, offset: number, lines: LineCounter): Problem {
  const { line, col } = lines.linePos(offset)
  return { path: '', message, line: Math.max(line, 1), column: Math.max(col, 1) }
}

/** A finding with the line of its value, or of the nearest value around it. */
function placed({ path, message }: Finding, root: Document, lines: LineCounter): Problem {
  const { line, column } = problemAt(message, offsetOf(root, path), lines)
  return { path: pathText(path), message, line, column }
}

function offsetOf(root: Document, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const steps = path.slice(0, length)
    const parent: unknown = length === 1 ? root.contents : root.getIn(steps.slice(0, -1), true)
    // The key is where people look, and it is there when the value is missing.
    if (isMap(parent)) {
      const pair = parent.items.find(({ key }) => isScalar(key) && key.value === steps.at(-1))
      if (pair !== undefined && isNode(pair.key) && pair.key.range) return pair.key.range[0]
    }
    const node: unknown = root.getIn(steps, true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return isNode(root.contents) ? (root.contents.range?.[0] ?? 0) : 0
}
