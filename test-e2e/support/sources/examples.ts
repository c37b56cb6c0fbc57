// The `@example` blocks of docstrings, as fences that the docs test compiles.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Fence, fencesOf } from './fences.ts'
import { ROOT } from '../workspace.ts'

/** Every fence of every docstring in the sources of the packages. */
export function allExamples(): readonly Fence[] {
  const files = globSync('packages/*/src/**/*.ts', { cwd: ROOT }).toSorted()
  return files.flatMap((file) => examplesOf(file.replaceAll('\\', '/'), readFileSync(join(ROOT, file), 'utf8')))
}

export function examplesOf(file: string, text: string): readonly Fence[] {
  let isDocstring = false
  // Blanks all lines but those of docstrings, and takes their ` * ` off, so that each fence keeps its line.
  const prose = text.split(/\r?\n/).map((line) => {
    if (/^\s*\/\*\*/.test(line)) isDocstring = true
    const content = isDocstring ? line.replace(/^\s*(?:\/\*\*|\*(?!\/)) ?/, '') : ''
    if (line.includes('*/')) isDocstring = false
    return content
  })
  return fencesOf(file, prose.join('\n'))
}
