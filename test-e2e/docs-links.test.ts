// Links between pages lead to a file and, with `#`, to a heading of it; the map of the docs leaves no page out.
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './support/workspace.ts'

const PAGES = globSync(['*.md', 'docs/**/*.md', 'packages/*/README.md', 'examples/*/README.md', 'bench/README.md'], {
  cwd: ROOT,
}).toSorted()
/** The page without its code, where a bracket is no link. */
const textOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8').replaceAll(/^(\s*)(`{3,})[^\n]*\n[\s\S]*?\n\s*\2\s*$/gm, '')

/** The name that GitHub gives a heading. */
function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')
}

function brokenLinks(page: string): string[] {
  return [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
    if (/^https?:/.test(target)) return []
    const [path = '', heading] = target.split('#')
    const file = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(ROOT, file))) return [`${target}: no such file`]
    if (heading === undefined) return []
    const headings = [...textOf(file).matchAll(/^#+ (.*)$/gm)].map(([, text = '']) => anchorOf(text))
    return headings.includes(heading) ? [] : [`${target}: no such heading`]
  })
}

test.each(PAGES)('%s links to what exists', (page) => expect(brokenLinks(page)).toEqual([]))

const REPOSITORY_PATH = /`((?:packages|lua|examples|test-e2e|bench|scripts|docs)\/[\w./-]*)`/g

// Decision records name the files of their day.
test.each(PAGES.filter((page) => !page.startsWith('docs/decisions/0')))('%s names paths that exist', (page) => {
  const paths = Array.from(textOf(page).matchAll(REPOSITORY_PATH), ([, path = '']) => path)
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
})

test('docs/architecture.md names files and folders that exist', () => {
  const paths = [...textOf('docs/architecture.md').matchAll(/`([\w./-]+(?:\.(?:ts|mjs|lua|json)|\/))`/g)].map(([, path = '']) => path)
  expect(paths.length).toBeGreaterThan(50)
  expect(
    paths.filter(
      (path) =>
        !['', 'packages/core/src', 'packages/core/src/algorithms', 'packages/core/src/layers'].some((folder) =>
          existsSync(join(ROOT, folder, path)),
        ),
    ),
  ).toEqual([])
})

test('docs/architecture.md has a place for each file and folder of core', () => {
  const text = textOf('docs/architecture.md')
  const names = readdirSync(join(ROOT, 'packages/core/src'), { withFileTypes: true }).map(
    (entry) => `${entry.name}${entry.isDirectory() ? '/' : ''}`,
  )
  expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([])
})

test.each([
  ['docs/README.md', PAGES.filter((page) => /^docs\/(guides\/)?[\w-]+\.md$/.test(page) && page !== 'docs/README.md')],
  ['docs/decisions/README.md', PAGES.filter((page) => /^docs\/decisions\/\d/.test(page))],
])('%s lists every page', (map, pages) => {
  const text = textOf(map)
  expect(pages.map((page) => relative(dirname(map), page)).filter((link) => !text.includes(`(${link})`))).toEqual([])
})
