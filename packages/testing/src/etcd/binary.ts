import { installedProgram } from '../processes/installed-program.ts'

/** The path of `etcd`: SLUICE_ETCD, else the one on PATH. @throws with how to install it */
export function etcdBinary(): string {
  return installedProgram({ name: 'etcd', variable: 'SLUICE_ETCD', apt: 'etcd-server', brew: 'etcd' })
}
