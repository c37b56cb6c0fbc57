// Makes sure that etcd is there for the tests of @sluice/etcd, also by itself: `node scripts/etcd.ts`. Root on a system with apt gets it
// installed. Everybody else gets the command to type, and the tests fail with the same command.
import { installPackages, mayInstall } from './apt.ts'

export async function ensureEtcd(): Promise<void> {
  const missing = await problem()
  if (missing === undefined) return
  // SLUICE_ETCD names a program. If that program does not run, another one would hide the mistake.
  if (!process.env['SLUICE_ETCD'] && mayInstall()) {
    console.log('Installing etcd-server for the tests (once)…')
    const output = installPackages(['etcd-server'], ['etcd'])
    if ((await problem()) === undefined) return
    console.log(output)
  }
  console.log(missing)
}

/** By the module with which the tests find etcd. It is imported by URL, since the scripts are another project to the compiler. */
async function problem(): Promise<string | undefined> {
  const { href } = new URL('../packages/testing/src/etcd/binary.ts', import.meta.url)
  const { etcdBinary } = (await import(href)) as { readonly etcdBinary: () => string }
  try {
    etcdBinary()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

if (import.meta.main) await ensureEtcd()
