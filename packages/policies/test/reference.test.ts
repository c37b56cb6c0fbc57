import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { parseCeilings, parseDocument } from '../src/index.ts'

const FOLDER = join(import.meta.dirname, '..')
const PAGE = readFileSync(join(FOLDER, '../../docs/policy-reference.md'), 'utf8')
const SCHEMAS = ['sluice-v1', 'sluice-ceilings-v1'].map(
  (name) => JSON.parse(readFileSync(join(FOLDER, `schema/${name}.json`), 'utf8')) as Readonly<Record<string, unknown>>,
)
const examples = [...PAGE.matchAll(/^## (.+)\n[^]*?```yaml\n([^]*?)```/gm)].map(([, title = '', text = '']) => [title, text] as const)

/** The schema of the object with a title. */
function schemaOf(title: string): object | undefined {
  const search = (node: unknown): object | undefined => {
    if (typeof node !== 'object' || node === null) return undefined
    if ((node as { readonly title?: unknown }).title === title) return node
    for (const child of Object.values(node)) {
      const found = search(child)
      if (found !== undefined) return found
    }
    return undefined
  }
  return search(SCHEMAS)
}

test('the reference has an example of each object', () => {
  expect(examples.map(([title]) => title)).toEqual([...PAGE.matchAll(/^## (.+)$/gm)].map(([, title]) => title))
  expect(examples.length).toBeGreaterThan(20)
})

describe('each example of the reference is valid', () => {
  const ajv = new Ajv2020({ strict: false })
  const parts = examples.filter(([title]) => title !== 'Document' && title !== 'Ceilings')
  test.each(parts)('%s', (title, text) => {
    const schema = schemaOf(title)
    if (schema === undefined) throw new Error(`the schema has no object with the title ${title}`)
    const accepts = ajv.compile(schema)
    const value = parse(text) as unknown
    for (const each of Array.isArray(value) ? value : [value]) expect(accepts(each), JSON.stringify([each, accepts.errors])).toBe(true)
  })

  test('Document', () => expect(parseDocument(examples.find(([title]) => title === 'Document')?.[1] ?? '').revision).toBe(42))
  test('Ceilings', () => expect(parseCeilings(examples.find(([title]) => title === 'Ceilings')?.[1] ?? '').revision).toBe(3))
})
