// The scripts in a real zsh and a real fish.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { shellBinary } from '@sluice/testing/shells'
import { describe, expect, test } from 'vitest'
import { COMMANDS } from '../src/commands.ts'
import { fishScript } from '../src/completion/fish.ts'
import { zshScript } from '../src/completion/zsh.ts'
import { newFolder } from './sluice.ts'

const folder = newFolder()
folder.file('my.yaml', '')
const fishFile = folder.file('completion.fish', fishScript(COMMANDS))
const zshFile = folder.file('completion.zsh', zshScript(COMMANDS))

const CASES = [
  ['sluice pol', 'policies', 'policies'],
  ['sluice policies d', 'diff', 'diff'],
  ['sluice help policies d', 'diff', 'diff'],
  ['sluice policies lint --pre', '--previous', '--previous='],
  ['sluice policies lint --previous m', 'my.yaml', 'my.yaml'],
  ['sluice policies lint m', 'my.yaml', 'my.yaml'],
  ['sluice replay m', 'my.yaml', 'my.yaml'],
  ['sluice watch --verdict b', 'blocked', 'blocked'],
  ['sluice completion f', 'fish', 'fish'],
  ['sluice blocks --red', '--redis', '--redis='],
] as const

describe('fish', () => {
  test.each(CASES)('%s', (line, offered) => {
    const { stdout, stderr } = spawnSync(shellBinary('fish'), ['--no-config', '-c', `source ${fishFile}; complete -C '${line}'`], {
      cwd: folder.path,
      encoding: 'utf8',
      // fish writes its history there.
      env: { ...process.env, HOME: folder.path },
    })
    expect(stderr).toBe('')
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((row) => row.split('\t')[0]),
    ).toEqual([offered])
  })
})

describe('zsh', () => {
  const setup = folder.file(
    'setup.zsh',
    `PS1=; autoload -Uz compinit; compinit -u -D; source ${zshFile}
show() { print -r -- "<$BUFFER>" >result; exit }; zle -N show; bindkey '^X' show
`,
  )
  // A terminal of zsh's own: Tab completes the line, and Ctrl-X writes it and ends. What the shell prints must be read, or it would wait.
  const program = `
zmodload zsh/zpty
zpty shell ${shellBinary('zsh')} -f -i
zpty -w shell "source ${setup}"
zpty -w -n shell "$1"$'\\t\\x18'
while zpty -r shell chunk; do :; done
`
  test.each(CASES)('%s', (line, _, completed) => {
    spawnSync(shellBinary('zsh'), ['-f', '-c', program, 'zsh', line], { cwd: folder.path, timeout: 20_000 })
    const result = readFileSync(join(folder.path, 'result'), 'utf8')
    expect(result.trimEnd().replace(/ ?>$/, '')).toBe(`<${line.slice(0, line.lastIndexOf(' '))} ${completed}`)
  })
})
