// Makes sure that the engine of ClickHouse is there as a library of Python: `node scripts/chdb.ts`. pip fetches one wheel (181 MB), checks its
// hash, and unpacks it into an environment under .tools (550 MB). Only `npm run test:all` runs tests on it.
import { ensurePythonTool, pythonFolder, type PythonTool } from './python.ts'

const CHDB: PythonTool = {
  name: 'chdb',
  program: 'bin/python',
  requirement: 'chdb-core==26.9.0 --hash=sha256:707e2ec3fe0f7953bac97942eaeb7a1ed1d66b1e56ecef3f0aa2130f61f6e735',
  options: ['--no-deps', '--only-binary', ':all:', '--require-hashes'],
  announcement: 'Downloading the engine of ClickHouse for the tests of deploy/clickhouse (once, 181 MB)…',
}

/** Returns what is missing, and what to type. */
export function ensureChdb(): string | undefined {
  return ensurePythonTool(CHDB)
}

if (import.meta.main) console.log(ensureChdb() ?? `chdb: ${pythonFolder(CHDB)}`)
