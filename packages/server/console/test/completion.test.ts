import document from '@sluice/policies/schema/sluice-v1.json' with { type: 'json' }
import { describe, expect, test } from 'vitest'
import { contextAt } from '../editor/context.ts'
import { completionsAt, descriptionAt, type Schema } from '../editor/schema.ts'

const schema = document as Schema

/** The context where the text has `|`. */
function at(text: string) {
  return contextAt(text.replace('|', ''), text.indexOf('|'))
}

function offered(text: string): readonly string[] {
  const context = at(text)
  return context === undefined ? [] : completionsAt(schema, context).map((each) => each.text)
}

describe('where the cursor is', () => {
  test.each([
    ['|', [], 'key', ''],
    ['names|', [], 'key', 'names'],
    ['namespace: sh|', ['namespace'], 'value', 'sh'],
    ['policies:\n  - na|', ['policies', 0], 'key', 'na'],
    ['policies:\n- na|', ['policies', 0], 'key', 'na'],
    ['policies:\n  - name: a\n    mo|', ['policies', 0], 'key', 'mo'],
    ['policies:\n  - name: a\n  - name: b\n    mode: |', ['policies', 1, 'mode'], 'value', ''],
    ['policies:\n- name: a\n- name: b\n  mode: |', ['policies', 1, 'mode'], 'value', ''],
    ['policies:\n  - name: a\n    rules:\n      - limits:\n          - al|', ['policies', 0, 'rules', 0, 'limits', 0], 'key', 'al'],
    ['policies:\n  - name: a\n    rules: []\ntie|', [], 'key', 'tie'],
    ['subjects:\n  client: { parts: [{ ip: true }], mis|', ['subjects', 'client'], 'key', 'mis'],
    ['subjects:\n  client: { parts: [{ ip: true }], missing: |', ['subjects', 'client', 'missing'], 'value', ''],
    ['exempt: [{ paths: [/a, |', ['exempt', 0, 'paths', 1], 'value', ''],
    ['exempt: [{ paths: [/a] }, { me|', ['exempt', 1], 'key', 'me'],
    ['exempt: [\n  { paths: [/a] },\n  { me|', ['exempt', 1], 'key', 'me'],
    ['{"policies": [{"name": "a", "mo|', ['policies', 0], 'key', 'mo'],
    ['{"policies": [{"name": "a", "mode": "|', ['policies', 0, 'mode'], 'value', ''],
    ['{\n  "policies": [\n    {\n      "name": "a",\n      "|', ['policies', 0], 'key', ''],
  ] as const)('%j', (text, path, kind, typed) => {
    expect(at(text)).toMatchObject({ path, kind, typed })
  })
  test('nothing stands in a comment and in a text of several lines', () => {
    expect(at('namespace: shop # na|')).toBeUndefined()
    expect(at('description: |x'.replace('|x', '>\n  one tw|'))).toBeUndefined()
  })
  test('lines after a text of several lines are read', () => {
    const text = 'description: >\n  policies: none\nnames'
    expect(contextAt(text, text.length)).toMatchObject({ path: [], kind: 'key', typed: 'names', siblings: { description: '' } })
  })
})

describe('what the schema allows', () => {
  test('required fields come first', () => {
    expect(offered('|').slice(0, 3)).toEqual(['apiVersion', 'namespace', 'revision'])
  })
  test('fields that are there are not offered again', () => {
    expect(offered('apiVersion: sluice/v1\n|')).not.toContain('apiVersion')
  })
  test('values of an enumeration, a constant and a boolean', () => {
    expect(offered('apiVersion: |')).toEqual(['sluice/v1'])
    expect(offered('policies:\n  - name: a\n    mode: |')).toEqual(['enforce', 'shadow', 'off'])
    expect(offered('subjects: { a: { trusted: |')).toEqual(['true', 'false'])
  })
  test('only the fields of the chosen algorithm', () => {
    const limit = (algorithm: string) => offered(`policies:\n  - rules:\n      - limits:\n          - { algorithm: ${algorithm}, |`)
    expect(limit('tokenBucket')).toContain('burst')
    expect(limit('tokenBucket')).not.toContain('ttl')
    expect(limit('concurrency')).toContain('ttl')
    expect(limit('concurrency')).not.toContain('window')
  })
  test('only what begins as what is typed', () => {
    expect(offered('policies:\n  - rules:\n      - limits:\n          - { algorithm: s|')).toEqual(['slidingWindow', 'slidingLog'])
    expect(offered('policies:\n  - name: a\n    mode: enforce|')).toEqual([])
  })
  test('the description of the field at the cursor', () => {
    expect(descriptionAt(schema, at('revision: |')!)).toBe('Rises with each change. A document with a lower one is ignored.')
  })
})
