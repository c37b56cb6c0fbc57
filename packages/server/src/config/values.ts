import { findingsOf, pathText } from '@sluice/policies/schema-kit'
import { safeParse } from 'valibot'
import type { ConfigProblem } from './problems.ts'
import type { Setting } from './settings.ts'

/** A configuration while it is put together. */
export type Tree = { [name: string]: unknown }

/** Puts a value at a path. */
export function put(tree: Tree, path: readonly string[], value: unknown): void {
  let at = tree
  for (const name of path.slice(0, -1)) at = (at[name] ??= {}) as Tree
  at[path.at(-1) ?? ''] = value
}

export function valueAt(tree: unknown, path: readonly string[]): unknown {
  return path.reduce((at: unknown, name) => (at as Tree | undefined)?.[name], tree)
}

/** One tree over another: what `over` has replaces what `under` has, setting by setting. */
export function merged(under: Tree, over: Tree): Tree {
  const result: Tree = { ...under }
  for (const [name, value] of Object.entries(over)) {
    const below = result[name]
    result[name] = isTree(below) && isTree(value) ? merged(below, value) : value
  }
  return result
}

/** The value of a setting that is written as text, in a variable or a flag. */
export function valueOf({ kind, schema, isSecret }: Setting, text: string, where: string, problems: ConfigProblem[]): unknown {
  const value = parsed(kind, text)
  const { success, issues } = safeParse(schema, value)
  if (success) return value
  for (const { path, message } of findingsOf(issues)) {
    const place = path.length === 0 ? where : `${where}: ${pathText(path)}`
    // A secret must not be in a log because it is too short.
    problems.push({ where: place, message: isSecret ? message.replace(/, got .*$/s, '') : message })
  }
  return undefined
}

function parsed(kind: Setting['kind'], text: string): unknown {
  if (kind === 'number') return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text
  if (kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  if (kind === 'text') return text
  if (/^\d+$/.test(text)) return Number(text)
  if (!/^\s*[[{]/.test(text)) return text.split(',').map((item) => item.trim())
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
