// Programs of Python that the tests use: pip installs each into an environment of its own under .tools.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { installPackages, mayInstall, run } from './apt.ts'

export interface PythonTool {
  /** Names it in messages, its folder, and the script that installs it. */
  readonly name: string
  /** A file of the environment, by which it is known to be there. */
  readonly program: string
  /** As a line of requirements has it. */
  readonly requirement: string
  /** Further options of `pip install`. */
  readonly options?: readonly string[]
  /** Printed before it is installed. */
  readonly announcement: string
}

export function pythonFolder({ name }: PythonTool): string {
  return join(import.meta.dirname, '../.tools/servers', name)
}

/** Returns what is missing, and what to type. */
export function ensurePythonTool(tool: PythonTool): string | undefined {
  if (existsSync(join(pythonFolder(tool), tool.program))) return undefined
  console.log(tool.announcement)
  let problem = make(tool)
  if (problem !== '' && mayInstall()) {
    installPackages(['python3-venv'])
    problem = make(tool)
  }
  const { name } = tool
  return problem === '' ? undefined : `The tests need ${name}: sudo apt-get install python3-venv, then node scripts/${name}.ts\n${problem}`
}

/** Returns why it failed, or an empty text. */
function make(tool: PythonTool): string {
  const folder = pythonFolder(tool)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(dirname(folder), { recursive: true })
  const temporary = mkdtempSync(join(tmpdir(), 'sluice-python-'))
  // Hashes are read from a file only.
  const requirements = join(temporary, 'requirements.txt')
  writeFileSync(requirements, `${tool.requirement}\n`)
  // Programs of an environment have its path, so it is made in its place, and removed if it is not whole.
  const steps = [
    ['python3', '-m', 'venv', folder],
    [join(folder, 'bin/pip'), 'install', '--disable-pip-version-check', '--quiet', ...(tool.options ?? []), '-r', requirements],
  ] as const
  try {
    for (const [command, ...args] of steps) {
      const { status, output } = run(command, ...args)
      if (status === 0) continue
      rmSync(folder, { recursive: true, force: true })
      return output
    }
    return ''
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}
