// Makes sure that etcd is there for the tests of @sluice/etcd, also by itself: `node scripts/etcd.ts`. Root on a system with apt gets it
// installed. Everybody else gets the command to type, and the tests fail with the same command.
import { ensureInstalled, problemOf } from './apt.ts'

export function ensureEtcd(): Promise<void> {
  return ensureInstalled({ packages: ['etcd-server'], services: ['etcd'], variables: ['SLUICE_ETCD'] }, () =>
    problemOf('etcd/binary.ts', 'etcdBinary'),
  )
}

if (import.meta.main) await ensureEtcd()
