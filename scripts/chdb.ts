// Makes sure that the engine of ClickHouse is there as a library of Python: `node scripts/chdb.ts`. pip fetches one wheel (181 MB), checks its
// hash, and unpacks it into an environment under .tools (550 MB). Only `npm run test:all` runs tests on it.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { installPackages, mayInstall, run } from './apt.ts'

const WHEEL = 'chdb-core==26.9.0 --hash=sha256:707e2ec3fe0f7953bac97942eaeb7a1ed1d66b1e56ecef3f0aa2130f61f6e735'
const FOLDER = join(import.meta.dirname, '../.tools/servers/chdb')

/** Returns what is missing, and what to type. */
export function ensureChdb(): string | undefined {
  if (existsSync(join(FOLDER, 'bin/python'))) return undefined
  console.log('Downloading the engine of ClickHouse for the tests of deploy/clickhouse (once, 181 MB)…')
  let made = make()
  if (made !== '' && mayInstall()) {
    installPackages(['python3-venv'])
    made = make()
  }
  return made === '' ? undefined : `The tests need chdb: sudo apt-get install python3-venv, then node scripts/chdb.ts\n${made}`
}

/** Returns why it failed, or an empty text. */
function make(): string {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(dirname(FOLDER), { recursive: true })
  const temporary = mkdtempSync(join(tmpdir(), 'sluice-chdb-'))
  const requirements = join(temporary, 'requirements.txt')
  writeFileSync(requirements, `${WHEEL}\n`)
  // Programs of an environment have its path, so it is made in its place, and removed if it is not whole.
  const pip = ['install', '--no-deps', '--only-binary', ':all:', '--require-hashes', '--disable-pip-version-check', '--quiet']
  const steps = [
    ['python3', '-m', 'venv', FOLDER],
    [join(FOLDER, 'bin/pip'), ...pip, '-r', requirements],
  ] as const
  try {
    for (const [command, ...args] of steps) {
      const { status, output } = run(command, ...args)
      if (status === 0) continue
      rmSync(FOLDER, { recursive: true, force: true })
      return output
    }
    return ''
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

if (import.meta.main) console.log(ensureChdb() ?? `chdb: ${FOLDER}`)
