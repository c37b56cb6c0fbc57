// Writes lua/ into packages/redis/src/scripts/scripts.gen.ts. `--check` writes nothing and fails where the two differ.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PRELUDES, SCRIPTS } from './lua-parts.ts'

const ROOT = join(import.meta.dirname, '..')
const WIDTH = 140
const TARGET = join(ROOT, 'packages', 'redis', 'src', 'scripts', 'scripts.gen.ts')

const constantOf = (name: string, part: string): string =>
  `const ${name} = String.raw\`${stripped(readFileSync(join(ROOT, 'lua', `${part}.lua`), 'utf8'))}\`\n`
const preludes = Object.entries(PRELUDES).map(([name, part]) => `export ${constantOf(`${name}: string`, part)}`)
// Each part appears once, since the scripts share their parts.
const parts = [...new Set(Object.values(SCRIPTS).flat())].map((part) => constantOf(part, part))
const scripts = Object.entries(SCRIPTS).map(([name, names]) => {
  const line = `export const ${name}: string = joined([${names.join(', ')}])\n`
  // The form that the formatter gives it.
  return line.trimEnd().length <= WIDTH ? line : line.replace('[', '[\n  ').replaceAll(', ', ',\n  ').replace(']', ',\n]')
})
const joined = `const joined = (parts: readonly string[]): string => parts.join('\\n')\n`
const generated = `// Generated from lua/ by \`node scripts/embed-lua.ts\`. Do not edit.\n${[...preludes, ...parts, joined, ...scripts].join('\n')}`

if (process.argv.includes('--check')) {
  if (readFileSync(TARGET, 'utf8') !== generated) {
    console.error('packages/redis/src/scripts/scripts.gen.ts differs from lua/. Run  npm run generate')
    process.exitCode = 1
  }
} else writeFileSync(TARGET, generated)

/** Without comments, indentation and empty lines, since every Redis server receives the text and keeps it in memory. */
function stripped(lua: string): string {
  return lua
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('--'))
    .join('\n')
}
