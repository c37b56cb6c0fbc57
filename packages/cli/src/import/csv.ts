import { parseDocument as parsePolicies, type OverrideSpec, type PolicyDocument } from '@sluice/policies'
import { isSeq, parseDocument } from 'yaml'
import { failed } from '../terminal/terminal.ts'
import type { Imported, ImportNote } from './imported.ts'

/** One line of a table, by column. */
interface Row {
  readonly line: number
  readonly values: ReadonlyMap<string, string>
}

/** The overrides of one policy: by client, so that the last line of a client holds. */
type Overrides = Map<string, OverrideSpec>

/**
 * A table of clients: `client_id`, `tier`, and a column for each limit that `columns` of the document names. An empty field keeps the number of
 * the tier, and 0 refuses. The clients become overrides of the document.
 * @param into the text of the document
 * @throws ERR_COMMAND_FAILED, ERR_POLICY_INVALID
 */
export function importCsv(
  source: string,
  text: string,
  into: { readonly source: string; readonly text: string },
  subject: string,
): Imported {
  const document = parsePolicies(into.text, into)
  const rows = rowsOf(source, text)
  const { columns = {} } = document
  checkColumns(source, rows, columns, into.source)
  if (document.subjects?.[subject] === undefined)
    throw failed(`${into.source} has no subject "${subject}"; name the one of client_id with --subject`)
  const notes: ImportNote[] = []
  const byPolicy = new Map<string, Overrides>()
  for (const row of rows) addClient(row, document, subject, byPolicy, notes)
  return { text: withOverrides(into.text, document, byPolicy), notes }
}

function checkColumns(source: string, rows: readonly Row[], columns: NonNullable<PolicyDocument['columns']>, into: string): void {
  const [first] = rows
  if (first === undefined) throw failed(`${source} has no client`)
  if (!first.values.has('client_id')) throw failed(`${source}: line 1: expected the column client_id`)
  const known = ['client_id', 'tier', ...Object.keys(columns)]
  const unknown = [...first.values.keys()].filter((name) => !known.includes(name))
  if (unknown.length > 0)
    throw failed(
      `${source}: line 1: the column ${unknown.join(', ')} is not in columns of ${into}; write there which limit it sets: ${unknown[0]}: <policy>.<limit>`,
    )
}

function addClient(
  { line, values }: Row,
  document: PolicyDocument,
  subject: string,
  byPolicy: Map<string, Overrides>,
  notes: ImportNote[],
): void {
  const id = values.get('client_id') ?? ''
  if (id === '') {
    notes.push({ line, message: 'the client is left out: it has no client_id' })
    return
  }
  const numbers = new Map<string, Record<string, { limit: number }>>()
  for (const [column, limit] of Object.entries(document.columns ?? {})) {
    const value = values.get(column) ?? ''
    if (value === '' || value.toLowerCase() === 'null') continue
    if (!/^\d{1,15}$/.test(value)) {
      notes.push({ line, message: `${column} of ${id} is left out: expected a whole number, got ${JSON.stringify(value)}` })
      continue
    }
    const [policy = '', name = ''] = limit.split('.')
    numbers.set(policy, { ...numbers.get(policy), [name]: { limit: Number(value) } })
  }
  const tier = values.get('tier') ?? ''
  for (const { name, rules } of document.policies ?? []) {
    const limits = numbers.get(name)
    const hasTier = tier !== '' && rules.some(({ tiers }) => tiers !== undefined && Object.hasOwn(tiers, tier))
    if (limits !== undefined && hasTier)
      notes.push({
        line,
        message: `the tier of ${id} is left out in policy ${name}: an override has a tier or numbers; give the tier as attribute`,
      })
    if (limits === undefined && !hasTier) continue
    const overrides = byPolicy.get(name) ?? new Map<string, OverrideSpec>()
    overrides.set(id, { subject, is: id, ...(limits === undefined ? { tier } : { limits }) })
    byPolicy.set(name, overrides)
  }
  const isKnown = document.policies?.some(({ rules }) => rules.some(({ tiers }) => tiers !== undefined && Object.hasOwn(tiers, tier)))
  if (tier !== '' && isKnown !== true) notes.push({ line, message: `the tier of ${id} is left out: no rule has a tier "${tier}"` })
}

/** The document with these overrides. Those of other clients, and its comments, stay. */
function withOverrides(text: string, { policies = [], revision }: PolicyDocument, byPolicy: ReadonlyMap<string, Overrides>): string {
  const yaml = parseDocument(text)
  yaml.set('revision', revision + 1)
  for (const [i, { name, overrides = [] }] of policies.entries()) {
    const own = byPolicy.get(name)
    if (own === undefined) continue
    const kept = overrides.filter(({ subject, is }) => is === undefined || own.get(is)?.subject !== subject)
    const list = yaml.createNode([...kept, ...own.values()], { aliasDuplicateObjects: false })
    if (isSeq(list)) for (const item of list.items) (item as { flow?: boolean }).flow = true
    yaml.setIn(['policies', i, 'overrides'], list)
  }
  return yaml.toString({ lineWidth: 0 })
}

/** The lines of a table: RFC 4180, separated by commas or semicolons. */
function rowsOf(source: string, text: string): readonly Row[] {
  const [head = '', ...records] = recordsOf(source, text.replace(/^\uFEFF/, ''))
  const names = head === '' ? [] : head.fields.map((name) => name.trim())
  return records.map(({ line, fields }) => {
    if (fields.length !== names.length) throw failed(`${source}: line ${line}: expected ${names.length} fields, got ${fields.length}`)
    return { line, values: new Map(names.map((name, i) => [name, (fields[i] ?? '').trim()])) }
  })
}

interface Fields {
  readonly line: number
  readonly fields: readonly string[]
}

function recordsOf(source: string, text: string): readonly Fields[] {
  const separator = text.slice(0, text.indexOf('\n')).includes(';') ? ';' : ','
  const records: Fields[] = []
  let fields: string[] = []
  let field = ''
  let line = 1
  let start = 1
  const end = (): void => {
    if (fields.length > 0 || field !== '') records.push({ line: start, fields: [...fields, field] })
    fields = []
    field = ''
  }
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (char === '"' && field === '') {
      const close = closingQuote(text, i + 1)
      if (close < 0) throw failed(`${source}: line ${line}: a quote is not closed`)
      field = text.slice(i + 1, close).replaceAll('""', '"')
      line += field.split('\n').length - 1
      i = close
    } else if (char === separator) {
      fields.push(field)
      field = ''
    } else if (char === '\n') {
      end()
      line += 1
      start = line
    } else if (char !== '\r') field += char
  }
  end()
  return records
}

function closingQuote(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] !== '"') continue
    if (text[i + 1] !== '"') return i
    i += 1
  }
  return -1
}
