// Writes docs/policy-reference.md from the JSON Schemas of @sluice/policies, which a test makes from the code that validates. `npm run generate`
// writes. `--check` writes nothing and fails where the page differs.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as forms from '../packages/policies/src/schema-parts.ts'
import { EXAMPLES } from './policy-examples.ts'

const ROOT = join(import.meta.dirname, '..')
const FILE = 'docs/policy-reference.md'
const COMMAND = 'npm run generate'

/** The part of a JSON Schema that the code of @sluice/policies makes. */
interface Node {
  readonly title?: string
  readonly description?: string
  readonly type?: string
  readonly const?: string | number | boolean
  readonly enum?: readonly (string | number)[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly items?: Node
  readonly anyOf?: readonly Node[]
  readonly oneOf?: readonly Node[]
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Node | false
  readonly propertyNames?: Node
}

/** An object of the format, with the places that have it. */
interface Section {
  readonly title: string
  readonly node: Node
  readonly places: string[]
}

const WORDS = new Map(
  Object.values(forms).flatMap((form: unknown) =>
    Array.isArray(form) && form[0] instanceof RegExp ? [[form[0].source, String(form[1])] as const] : [],
  ),
)

const text = page()
const path = join(ROOT, FILE)
if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
  if (process.argv.includes('--check')) {
    console.error(`${FILE} is not what scripts/policy-reference.ts writes. Run  ${COMMAND}`)
    process.exitCode = 1
  } else writeFileSync(path, text)
}

function page(): string {
  const [document, ceilings] = ['sluice-v1', 'sluice-ceilings-v1'].map((name) => sectionsOf(schemaOf(name)))
  const all = [...(document ?? []), ...(ceilings ?? [])]
  const unknown = Object.keys(EXAMPLES).filter((title) => !all.some((section) => section.title === title))
  if (unknown.length > 0) throw new Error(`scripts/policy-examples.ts has examples of no object: ${unknown.join(', ')}`)
  return `${[
    '<!-- Written by scripts/policy-reference.ts from the schema. Change that, and run  npm run generate -->',
    '',
    '# Reference of the policy document',
    '',
    'Look up each field of a [document of policies](policies.md), and of a document of [ceilings](policies.md#ceilings): what it means, its range and',
    'its default. A field with `–` may be left out. Unknown fields are refused.',
    '',
    `A document has at most ${forms.MAX.bytes} bytes, ${forms.MAX.policies} policies, ${forms.MAX.rules} rules, ${forms.MAX.overrides} overrides and ${forms.MAX.depth} levels.`,
    '',
    ...all.map(({ title }) => `- [${title}](#${anchorOf(title)})`),
    '',
    ...all.flatMap(linesOf),
  ]
    .join('\n')
    .trimEnd()}\n`
}

function schemaOf(name: string): Node {
  const schema = JSON.parse(readFileSync(join(ROOT, `packages/policies/schema/${name}.json`), 'utf8')) as Node
  return { ...schema, title: name === 'sluice-v1' ? 'Document' : 'Ceilings' }
}

/** The objects with a title, in the order in which a reader meets them. */
function sectionsOf(root: Node): readonly Section[] {
  const sections = new Map<string, Section>()
  const walk = (node: Node, place: string): void => {
    const { title } = node
    if (title !== undefined) {
      const known = sections.get(title)
      if (known !== undefined) {
        if (!known.places.includes(place)) known.places.push(place)
        return
      }
      sections.set(title, { title, node, places: place === '' ? [] : [place] })
    }
    for (const option of optionsOf(node)) if (option !== node) walk(option, place)
    for (const [name, field] of Object.entries(node.properties ?? {})) walk(field, place === '' ? name : `${place}.${name}`)
    if (node.items !== undefined) walk(node.items, `${place}[]`)
    if (node.additionalProperties) walk(node.additionalProperties, `${place}.<name>`)
  }
  walk(root, '')
  return [...sections.values()]
}

/** The forms of a value; the value itself if it has one. */
function optionsOf(node: Node): readonly Node[] {
  return node.anyOf ?? node.oneOf ?? [node]
}

function linesOf({ title, node, places }: Section): readonly string[] {
  const example = EXAMPLES[title]
  if (example === undefined) throw new Error(`scripts/policy-examples.ts has no example of ${title}`)
  const where = places.length === 0 ? [] : [`At ${places.map(code).join(', ')}.${formsOf(node)}`, '']
  return [
    `## ${title}`,
    '',
    ...where,
    '| field | value | default | meaning |',
    '|---|---|---|---|',
    ...rowsOf(node),
    '',
    '```yaml',
    example.trim(),
    '```',
    '',
  ]
}

/** What else than an object of this table the value may be, and which fields exclude each other. */
function formsOf(node: Node): string {
  const options = optionsOf(node)
  if (options.length === 1) return ''
  const others = options.filter(({ properties }) => properties === undefined).map(valueOf)
  const objects = options.filter(({ properties }) => properties !== undefined)
  if (kindOf(objects) !== undefined) return ` Which fields it has depends on ${code(kindOf(objects) as string)}.`
  const shapes = objects.map(({ properties = {}, required = [] }) =>
    code(
      `{ ${Object.keys(properties)
        .map((name) => (required.includes(name) ? name : `${name}?`))
        .join(', ')} }`,
    ),
  )
  return ` One of ${[...others, ...shapes].join(' or ')}.`
}

/** The field whose value says which other fields there are. */
function kindOf(options: readonly Node[]): string | undefined {
  const [first] = options
  return Object.keys(first?.properties ?? {}).find((name) => options.every(({ properties }) => properties?.[name]?.const !== undefined))
}

interface Row {
  readonly name: string
  readonly node: Node
  readonly isRequired: boolean
  readonly kinds: string[]
}

/** A row for each field. A field that several forms have in the same way has one row. */
function rowsOf(node: Node): readonly string[] {
  const options = optionsOf(node).filter(({ properties }) => properties !== undefined)
  const kind = options.length > 1 ? kindOf(options) : undefined
  const kinds = options.map(({ properties }) => String(kind === undefined ? '' : properties?.[kind]?.const))
  const rows = new Map<string, Row>()
  for (const [i, { properties = {}, required = [] }] of options.entries()) {
    for (const [name, field] of Object.entries(properties)) {
      const id = name === kind ? name : JSON.stringify([name, field])
      const known = rows.get(id)
      if (known === undefined) rows.set(id, { name, node: field, isRequired: required.includes(name), kinds: [kinds[i] ?? ''] })
      else known.kinds.push(kinds[i] ?? '')
    }
  }
  return [...rows.values()].map((row) => {
    const isKind = row.name === kind
    const value = isKind ? kinds.map(code).join(', ') : valueOf(row.node)
    const { meaning, fallback } = splitDefault(row.node.description ?? '')
    const shown = isKind ? 'How it counts.' : marked(meaning)
    return `| ${code(row.name)} | ${value} | ${row.isRequired ? 'required' : fallback === '' ? '–' : marked(fallback)} | ${[shown, onlyFor(row, kinds)].filter((part) => part !== '').join(' ')} |`
  })
}

function onlyFor({ kinds }: Row, all: readonly string[]): string {
  if (kinds.length === all.length || all.every((kind) => kind === '')) return ''
  const others = all.filter((kind) => !kinds.includes(kind))
  return others.length < kinds.length ? `Not for ${others.map(code).join(', ')}.` : `Only for ${kinds.map(code).join(', ')}.`
}

/** The sentence `Default: …` of a description is a column of its own. */
function splitDefault(description: string): { readonly meaning: string; readonly fallback: string } {
  const found = /\s*Default: (.+)\.$/.exec(description)
  return found === null ? { meaning: description, fallback: '' } : { meaning: description.slice(0, found.index), fallback: found[1] ?? '' }
}

/** What a value may be, in words. */
function valueOf(node: Node): string {
  const { title, type, pattern, items, additionalProperties } = node
  if (title !== undefined) return `[${title}](#${anchorOf(title)})`
  const options = optionsOf(node)
  if (options.length > 1) {
    const [first, last] = options
    const isListToo = options.length === 2 && JSON.stringify(last?.items) === JSON.stringify(first)
    return isListToo
      ? `${valueOf(first as Node)}, or a list of ${rangeOf(last?.minItems ?? 0, last?.maxItems)} of these`
      : options.map(valueOf).join(' or ')
  }
  if (node.const !== undefined) return code(String(node.const))
  if (node.enum !== undefined) return node.enum.map((value) => code(String(value))).join(', ')
  if (pattern !== undefined)
    return marked(WORDS.get(pattern) ?? (pattern === String.raw`^\/` ? "a path that begins with '/'" : `a text like ${code(pattern)}`))
  if (items !== undefined) return `a list of ${rangeOf(node.minItems ?? 0, node.maxItems)}: ${valueOf(items)}`
  if (additionalProperties) return `by ${keyOf(node.propertyNames ?? {})}: ${valueOf(additionalProperties)}`
  if (type === 'boolean') return '`true`, `false`'
  if (type === 'integer') return `a whole number, ${rangeOf(node.minimum ?? 0, node.maximum)}`
  if (type === 'number') return node.minimum === undefined ? 'a number' : `a number, ${rangeOf(node.minimum, node.maximum)}`
  if (type === 'string')
    return node.maxLength === undefined ? 'a text' : `a text, ${rangeOf(node.minLength ?? 0, node.maxLength)} characters`
  return 'any value'
}

/** The names of the fields of an object, in words. */
function keyOf({ pattern = '' }: Node): string {
  const words = WORDS.get(pattern) ?? 'name'
  return marked(words.replace(/^a name: (.+)$/, 'name ($1)'))
}

function rangeOf(min: number, max: number | undefined): string {
  return max === undefined || max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`
}

/** A text for a cell of a table, with what looks like markup as code. */
function marked(words: string): string {
  return words.replaceAll('|', String.raw`\|`).replaceAll(/([^\s,()]*[<*][^\s,()]*?)(?=\.?(?:[\s,()]|$))/g, (word: string) => code(word))
}

function code(name: string): string {
  return `\`${name}\``
}

function anchorOf(title: string): string {
  return title.toLowerCase().replaceAll(' ', '-')
}
