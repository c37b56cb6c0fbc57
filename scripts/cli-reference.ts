// Writes the sections of docs/cli.md, one for each command, from the commands' own help. The opening of the page is written by hand.
// `npm run generate` writes. `--check` writes nothing and fails where the page differs.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const FILE = 'docs/cli.md'
const COMMAND = 'npm run generate'
const BEGIN = `<!-- commands: written by  ${COMMAND} -->\n`
const SOURCE = '--conditions=source'

// The commands import other packages, which are not built here.
if (process.execArgv.includes(SOURCE)) await write()
else {
  const args = [SOURCE, '--disable-warning=ExperimentalWarning', import.meta.filename, ...process.argv.slice(2)]
  if (spawnSync(process.execPath, args, { stdio: 'inherit' }).status !== 0) process.exitCode = 1
}

async function write(): Promise<void> {
  const path = join(import.meta.dirname, '..', FILE)
  const page = readFileSync(path, 'utf8')
  const [opening, rest] = page.split(BEGIN)
  if (opening === undefined || rest === undefined) throw new Error(`${FILE} has no line ${BEGIN.trim()}`)
  const text = `${opening}${BEGIN}${await sections()}`
  if (text === page) return
  if (process.argv.includes('--check')) {
    console.error(`The commands in ${FILE} are not what their help says. Run  ${COMMAND}`)
    process.exitCode = 1
  } else writeFileSync(path, text)
}

async function sections(): Promise<string> {
  const [{ COMMANDS }, { pageOf }] = await Promise.all([import('../packages/cli/src/commands.ts'), import('../packages/cli/src/help.ts')])
  return COMMANDS.map((command) => `\n## sluice ${command.name}\n\`\`\`text\n${pageOf(command, (_, text) => text)}\n\`\`\`\n`).join('')
}
