// Makes sure that moto is there, which has the API of DynamoDB: `node scripts/moto.ts`. pip installs it into an environment under .tools
// (50 MB). Only `npm run test:all` runs tests on it: every `npm test` runs them on dynalite.
import { ensurePythonTool, pythonFolder, type PythonTool } from './python.ts'

const MOTO: PythonTool = {
  name: 'moto',
  program: 'bin/moto_server',
  requirement: 'moto[dynamodb,server]==5.2.5',
  announcement: 'Installing moto for the tests of DynamoDB (once, 50 MB)…',
}

/** Returns what is missing, and what to type. */
export function ensureMoto(): string | undefined {
  return ensurePythonTool(MOTO)
}

if (import.meta.main) console.log(ensureMoto() ?? `moto: ${pythonFolder(MOTO)}`)
