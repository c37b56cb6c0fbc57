import { expect, test } from 'vitest'
import { piecesOf } from '../editor/highlight.ts'

const coloured = (line: string) => piecesOf(line).flatMap(({ text, kind }) => (kind === 'plain' ? [] : [`${kind} ${text}`]))

test('keys, texts, numbers and comments have colours', () => {
  expect(coloured("  - { name: minute, limit: 60, window: 1m, paths: ['/a#b'] } # why")).toEqual([
    'key name',
    'key limit',
    'number 60',
    'key window',
    'number 1m',
    'key paths',
    "text '/a#b'",
    'comment # why',
  ])
  expect(coloured('{"name": "a: b", "visible": true}')).toEqual(['key "name"', 'text "a: b"', 'key "visible"', 'number true'])
  expect(coloured('url: http://x#y')).toEqual(['key url'])
})

test('the pieces are the line', () => {
  for (const line of ['', '  ', 'a: b # c', '- "x" : 1', "broken: 'text", '#'])
    expect(
      piecesOf(line)
        .map(({ text }) => text)
        .join(''),
    ).toBe(line)
})
