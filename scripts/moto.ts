// Makes sure that moto is there, which has the API of DynamoDB: `node scripts/moto.ts`. pip installs it into an environment under .tools
// (50 MB). Only `npm run test:all` runs tests on it: every `npm test` runs them on dynalite.
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { installPackages, mayInstall, run } from './apt.ts'

const MOTO = 'moto[dynamodb,server]==5.2.5'
const FOLDER = join(import.meta.dirname, '../.tools/servers/moto')

/** Returns what is missing, and what to type. */
export function ensureMoto(): string | undefined {
  if (existsSync(join(FOLDER, 'bin/moto_server'))) return undefined
  console.log('Installing moto for the tests of DynamoDB (once, 50 MB)…')
  let made = make()
  if (made !== '' && mayInstall()) {
    installPackages(['python3-venv'])
    made = make()
  }
  return made === '' ? undefined : `The tests need moto: sudo apt-get install python3-venv, then node scripts/moto.ts\n${made}`
}

/** Returns why it failed, or an empty text. */
function make(): string {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(dirname(FOLDER), { recursive: true })
  // Programs of an environment have its path, so it is made in its place, and removed if it is not whole.
  const steps = [
    ['python3', '-m', 'venv', FOLDER],
    [join(FOLDER, 'bin/pip'), 'install', '--disable-pip-version-check', '--quiet', MOTO],
  ] as const
  for (const [command, ...args] of steps) {
    const { status, output } = run(command, ...args)
    if (status === 0) continue
    rmSync(FOLDER, { recursive: true, force: true })
    return output
  }
  return ''
}

if (import.meta.main) console.log(ensureMoto() ?? `moto: ${FOLDER}`)
