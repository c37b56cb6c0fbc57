import { readFileSync } from 'node:fs'
import ts from 'typescript5'

/**
 * The names that a declaration file gives its users: exported functions, classes and constants, members of classes that users and subclasses see, and members of
 * exported types. Types that are not exported count too, since options are often made of them; a namespace counts by its members.
 */
export function declaredNames(file: string): ReadonlySet<string> {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)
  const names = new Set<string>()
  const add = (name: ts.Node | undefined): void => {
    if (name !== undefined && (ts.isIdentifier(name) || ts.isStringLiteral(name))) names.add(name.text)
  }
  const visit = (node: ts.Node): void => {
    if (isPrivate(node)) return
    if (ts.isPropertySignature(node) || ts.isMethodSignature(node)) add(node.name)
    if (ts.isPropertyDeclaration(node) || ts.isMethodDeclaration(node) || ts.isAccessor(node)) add(node.name)
    if (ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node)) add(node.name)
    if (ts.isVariableDeclaration(node)) add(node.name)
    // The parameters of a function, and what a member's own function type is given, are not names of the package.
    if (ts.isParameter(node)) return
    ts.forEachChild(node, visit)
  }
  visit(source)
  return names
}

function isPrivate(node: ts.Node): boolean {
  if (!ts.canHaveModifiers(node)) return false
  return (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword)
}
