// Makes sure that PostgreSQL and MariaDB are there for the tests of @sluice/policies, also by itself: `node scripts/sql.ts`. Root on a
// system with apt gets them installed. Everybody else gets the command to type, and the tests fail with the same command.
import { ensureInstalled, type Needed, problemOf } from './apt.ts'

const NEEDED: Readonly<Record<'postgres' | 'mariadb', Needed>> = {
  postgres: { packages: ['postgresql'], services: ['postgresql'], variables: ['SLUICE_POSTGRES'] },
  mariadb: { packages: ['mariadb-server-core'], variables: ['SLUICE_MARIADB'] },
}

export async function ensureSql(): Promise<void> {
  for (const [kind, needed] of Object.entries(NEEDED))
    await ensureInstalled(needed, () => problemOf('sql/binary.ts', 'sqlServerFolder', kind))
}

if (import.meta.main) await ensureSql()
