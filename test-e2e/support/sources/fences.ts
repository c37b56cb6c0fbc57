import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../workspace.ts'

/** A block of code between three backticks. */
export interface Fence {
  /** File and line, such as `docs/errors.md:12`. */
  readonly where: string
  readonly line: number
  /** The text after the opening backticks, such as `ts run`. */
  readonly info: string
  readonly code: string
  /** Code from a comment right before the fence: `<!-- with: const app = express() -->`. Compiled with it, not shown. */
  readonly prelude: string
}

const PAGES = ['*.md', 'docs/**/*.md', 'packages/*/README.md', 'examples/*/README.md']

export function fencesOfPage(page: string): Fence[] {
  return fencesOf(page, readFileSync(join(ROOT, page), 'utf8'))
}

export function allFences(): Fence[] {
  const pages = globSync(PAGES, { cwd: ROOT }).toSorted()
  return pages.flatMap((page) => fencesOfPage(page.replaceAll('\\', '/')))
}

export function fencesOf(page: string, text: string): Fence[] {
  const fences: Fence[] = []
  const lines = text.split(/\r?\n/)
  for (let at = 0; at < lines.length; at += 1) {
    const [, indent, ticks, info] = /^(\s*)(`{3,})(.*)$/.exec(lines[at]!) ?? []
    if (indent === undefined || ticks === undefined || info === undefined) continue
    const start = at + 1
    do at += 1
    while (at < lines.length && lines[at]!.trim() !== ticks)
    if (at === lines.length) throw new Error(`${page}:${start}: expected closing backticks for this fence`)
    const code = lines.slice(start, at).map((line) => line.slice(Math.min(indent.length, line.search(/\S|$/))))
    const above = lines[start - 2] ?? ''
    const prelude = /^\s*<!-- with: (.*) -->$/.exec(above)?.[1] ?? ''
    fences.push({ where: `${page}:${start}`, line: start, info: info.trim(), code: installed(code.join('\n'), above), prelude })
  }
  return fences
}

/**
 * Another release of a module has another name here, as `<!-- module: h3 = h3-1 -->` above the fence says. The page shows the name that a
 * reader imports.
 */
function installed(code: string, above: string): string {
  const [, shown, here] = /^\s*<!-- module: (\S+) = (\S+) -->$/.exec(above) ?? []
  return shown === undefined ? code : code.replaceAll(`from '${shown}'`, `from '${here}'`)
}
