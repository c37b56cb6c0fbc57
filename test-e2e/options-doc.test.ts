// Hover help: an editor shows the docstring of an option field, so every field has one.
import { globSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript5'
import { expect, test } from 'vitest'
import { docstringOf, parse, placeOf } from './support/sources/public-api.ts'
import { ROOT } from './support/workspace.ts'

const files = globSync('packages/*/src/**/*.ts', { cwd: ROOT }).toSorted()

/** Exported interfaces whose name ends in `Options`, each with its file. */
const interfaces = files.flatMap((file) => {
  const source = parse(join(ROOT, file))
  return source.statements
    .filter((statement) => ts.isInterfaceDeclaration(statement))
    .filter(({ name, modifiers }) => name.text.endsWith('Options') && modifiers?.some(isExport) === true)
    .map((declaration) => [declaration.name.text, declaration, source] as const)
})

function isExport({ kind }: ts.ModifierLike): boolean {
  return kind === ts.SyntaxKind.ExportKeyword
}

test('interfaces of options are found', () => {
  expect(interfaces.map(([name]) => name)).toContain('RateLimitOptions')
})

test.each(interfaces)('every field of %s has a docstring', (_name, declaration, source) => {
  const missing = declaration.members.filter((member) => docstringOf(member, source) === undefined)
  expect(missing.map((member) => `${placeOf(member, source)}: ${member.name?.getText(source)}`)).toEqual([])
})
