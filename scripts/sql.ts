// Makes sure that PostgreSQL and MariaDB are there for the tests of @sluice/policies, also by itself: `node scripts/sql.ts`. Root on a
// system with apt gets them installed. Everybody else gets the command to type, and the tests fail with the same command.
import { installPackages, mayInstall } from './apt.ts'

type Name = 'postgres' | 'mariadb'

/** What to install, and the services that the packages start. */
const PACKAGES: Readonly<Record<Name, readonly [packages: readonly string[], services: readonly string[]]>> = {
  postgres: [['postgresql'], ['postgresql']],
  mariadb: [['mariadb-server-core'], []],
}

export async function ensureSql(): Promise<void> {
  for (const [name, [packages, services]] of Object.entries(PACKAGES)) {
    const missing = await problem(name as Name)
    if (missing === undefined) continue
    if (mayInstall()) {
      console.log(`Installing ${packages.join(' ')} for the tests (once)…`)
      const output = installPackages(packages, services)
      if ((await problem(name as Name)) === undefined) continue
      console.log(output)
    }
    console.log(missing)
  }
}

/** By the module with which the tests find the server. It is imported by URL, since the scripts are another project to the compiler. */
async function problem(name: Name): Promise<string | undefined> {
  const { href } = new URL('../packages/testing/src/sql/binary.ts', import.meta.url)
  const { sqlServerFolder } = (await import(href)) as { readonly sqlServerFolder: (name: Name) => string }
  try {
    sqlServerFolder(name)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

if (import.meta.main) await ensureSql()
