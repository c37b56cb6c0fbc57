// The script in a real bash, as the Tab key calls it.
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { COMMANDS } from '../src/commands.ts'
import { bashScript } from '../src/completion/bash.ts'
import { newFolder, sluice } from './sluice.ts'

const folder = newFolder()
folder.file('my policies.yaml', '')
folder.file('other.txt', '')
const script = folder.file('completion.bash', bashScript(COMMANDS))

/** What bash offers for the last word. */
function offered(...words: readonly string[]): readonly string[] {
  const code = `set -eu; . "$0"; COMP_WORDS=(sluice "$@"); COMP_CWORD=$#; _sluice; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', code, script, ...words], { cwd: folder.path, encoding: 'utf8' })
  expect(stderr).toBe('')
  return stdout.split('\n').filter((line) => line !== '')
}

test.each([
  [['pol'], ['policies']],
  [['wat'], ['watch']],
  [['rep'], ['replay']],
  [['policies', 'l'], ['lint']],
  [['help', 'policies', 'd'], ['diff']],
  [['policies', 'lint', '--p'], ['--previous']],
  [['policies', 'lint', '--previous', 'my'], ['my policies.yaml']],
  [['policies', 'lint', 'o'], ['other.txt']],
  [['watch', '--verdict', 'b'], ['blocked']],
  // bash splits at the = sign.
  [['watch', '--verdict', '=', 'b'], ['blocked']],
  [
    ['watch', '--mode', '='],
    ['enforce', 'shadow', 'off'],
  ],
  [['watch', '--namespace', ''], []],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['why', ''], []],
  [['none', ''], []],
])('sluice %j', (words, expected) => {
  expect(offered(...words)).toEqual(expected)
})

test('every command has its options', () => {
  for (const { name, alias, options } of COMMANDS)
    for (const called of [name, ...(alias === undefined ? [] : [alias])])
      expect(offered(...called.split(' '), '--')).toEqual([
        ...options.map((option) => `--${option.name}`),
        '--json',
        '--no-color',
        '--help',
      ])
})

test('the command prints the script', async () => {
  expect(await sluice(['completion', 'bash'])).toEqual({ status: 0, out: bashScript(COMMANDS), err: '' })
  expect(JSON.parse((await sluice(['completion', 'bash', '--json'])).out)).toEqual({ shell: 'bash', script: bashScript(COMMANDS) })
  for (const shell of ['zsh', 'fish']) expect((await sluice(['completion', shell])).out).toContain(`Completion of sluice for ${shell}`)
  expect(await sluice(['completion', 'tcsh'])).toMatchObject({
    status: 2,
    err: expect.stringContaining('expected bash, zsh, fish, got tcsh'),
  })
})
