// Embeds lua/ into packages/redis/src/scripts.gen.ts. `--check` changes nothing and fails when the two differ.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SCRIPTS } from './lua-parts.ts'

const ROOT = join(import.meta.dirname, '..')
const TARGET = join(ROOT, 'packages', 'redis', 'src', 'scripts.gen.ts')

const constants = Object.entries(SCRIPTS).map(([name, parts]) => {
  const source = parts.map((part) => stripped(readFileSync(join(ROOT, 'lua', `${part}.lua`), 'utf8'))).join('\n')
  return `export const ${name}: string = String.raw\`${source}\`\n`
})
const generated = `// Generated from lua/ by \`node scripts/embed-lua.ts\`. Do not edit.\n${constants.join('\n')}`

if (process.argv.includes('--check')) {
  if (readFileSync(TARGET, 'utf8') !== generated) {
    console.error('packages/redis/src/scripts.gen.ts is older than lua/: run  node scripts/embed-lua.ts')
    process.exitCode = 1
  }
} else writeFileSync(TARGET, generated)

/** Without comments and indentation: what is sent and kept by every Redis, not what is read. */
function stripped(lua: string): string {
  return lua
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('--'))
    .join('\n')
}
