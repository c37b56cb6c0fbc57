// What the published packages export, read from their sources by the parser of TypeScript 5.9: version 7 has no JavaScript API.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript5'
import { ROOT } from '../workspace.ts'

/** One name that an entry exports. */
export interface PublicName {
  readonly name: string
  /** Every declaration of the name: the overloads of a function, the parts of a merged interface. Empty for a re-export of a package. */
  readonly declarations: readonly ts.Node[]
  /** The file of the declarations. */
  readonly source: ts.SourceFile
  /** The export statement, where the name comes from another package. */
  readonly reexport?: string
}

/** One entry of a package, such as `@sluice/core/store-kit`. */
export interface Entry {
  readonly package: string
  readonly specifier: string
  readonly names: readonly PublicName[]
}

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly exports: Readonly<Record<string, string | { readonly source: string }>>
}

/** The entries of every published package, in the order of their manifests. */
export function publicEntries(): readonly Entry[] {
  return globSync('packages/*/package.json', { cwd: ROOT })
    .toSorted()
    .flatMap((file) => {
      const manifest = JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as Manifest
      if (manifest.private === true) return []
      return Object.entries(manifest.exports).flatMap(([path, target]): readonly Entry[] => {
        if (typeof target === 'string') return []
        const names = exportsOf(join(ROOT, dirname(file), target.source))
        return [{ package: dirname(file), specifier: join(manifest.name, path), names }]
      })
    })
}

/** The place of a node, such as `packages/core/src/limit.ts:12`. */
export function placeOf(node: ts.Node, source: ts.SourceFile): string {
  return `${fileOf(source)}:${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1}`
}

/** The path of a source file from the root of the repository. */
function fileOf(source: ts.SourceFile): string {
  return relative(ROOT, source.fileName).replaceAll('\\', '/')
}

/** The docstring right before a declaration, or none. */
export function docstringOf(node: ts.Node, source: ts.SourceFile): string | undefined {
  // A variable's docstring stands before its statement.
  const statement = ts.isVariableDeclaration(node) ? node.parent.parent : node
  const docstring = ts.getLeadingCommentRanges(source.text, statement.getFullStart())?.at(-1)
  const text = docstring === undefined ? '' : source.text.slice(docstring.pos, docstring.end)
  return text.startsWith('/**') ? text : undefined
}

/** True for a function, a class, or a constant that is a function. */
export function isCallable(node: ts.Node): boolean {
  if (ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node)) return true
  if (!ts.isVariableDeclaration(node)) return false
  const { initializer, type } = node
  return (
    // A call, such as `Object.assign(function, properties)`.
    (initializer !== undefined &&
      (ts.isArrowFunction(initializer) || ts.isFunctionExpression(initializer) || ts.isCallExpression(initializer))) ||
    (type !== undefined && ts.isFunctionTypeNode(type))
  )
}

const sources = new Map<string, ts.SourceFile>()

export function parse(file: string): ts.SourceFile {
  const known = sources.get(file)
  if (known !== undefined) return known
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)
  sources.set(file, source)
  return source
}

/** Every exported name of a module, with the declarations behind its re-exports. */
function exportsOf(file: string): readonly PublicName[] {
  const source = parse(file)
  const names = source.statements.flatMap((statement): readonly PublicName[] => {
    if (ts.isExportDeclaration(statement)) return reexportsOf(statement, source)
    if (!ts.canHaveModifiers(statement)) return []
    const isExported = ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true
    return isExported ? declarationsOf(statement).map((node) => ({ name: node.name, declarations: [node.node], source })) : []
  })
  return merged(names)
}

function reexportsOf(statement: ts.ExportDeclaration, source: ts.SourceFile): readonly PublicName[] {
  const { exportClause, moduleSpecifier } = statement
  const specifier = moduleSpecifier !== undefined && ts.isStringLiteral(moduleSpecifier) ? moduleSpecifier.text : undefined
  const target = specifier?.startsWith('.') === true ? join(dirname(source.fileName), specifier) : undefined
  if (specifier !== undefined && (target === undefined || !existsSync(target))) {
    const reexport = statement.getText(source)
    return [{ name: reexport, declarations: [], source, reexport }]
  }
  const exported = target === undefined ? localsOf(source) : exportsOf(target)
  if (exportClause === undefined) return exported
  if (!ts.isNamedExports(exportClause)) throw new Error(`${placeOf(statement, source)}: expected named exports or a star`)
  return exportClause.elements.flatMap((element) => {
    const found = exported.filter(({ name }) => name === (element.propertyName ?? element.name).text)
    if (found.length === 0) throw new Error(`${placeOf(element, source)}: ${element.name.text} is not exported by ${specifier}`)
    return found.map((one) => ({ ...one, name: element.name.text }))
  })
}

function localsOf(source: ts.SourceFile): readonly PublicName[] {
  return merged(
    source.statements.flatMap((statement) =>
      declarationsOf(statement).map(({ name, node }): PublicName => ({ name, declarations: [node], source })),
    ),
  )
}

function declarationsOf(statement: ts.Statement): readonly { readonly name: string; readonly node: ts.Node }[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map((node) => ({ name: node.name.getText(), node }))
  }
  const isNamed =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement) ||
    ts.isModuleDeclaration(statement)
  return isNamed && statement.name !== undefined ? [{ name: statement.name.text, node: statement }] : []
}

/** One name for all declarations of it in a file. */
function merged(names: readonly PublicName[]): readonly PublicName[] {
  const byName = new Map<string, PublicName>()
  for (const one of names) {
    const known = byName.get(one.name)
    const isSame = known === undefined || known.source === one.source
    if (!isSame) throw new Error(`${fileOf(one.source)}: ${one.name} is exported by two files`)
    byName.set(one.name, known === undefined ? one : { ...known, declarations: [...known.declarations, ...one.declarations] })
  }
  return [...byName.values()]
}
