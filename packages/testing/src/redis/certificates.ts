/// <reference types="node" />
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificates {
  /** The certificate of the authority, for a client's `ca` option. */
  readonly ca: string
  /** Paths. */
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

const TOOL = 'openssl'
const CONFIG = `[req]
distinguished_name = name
prompt = no
[name]
CN = Sluice tests
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[server]
subjectAltName = IP:127.0.0.1, DNS:localhost
extendedKeyUsage = serverAuth
`

/** Creates a certificate authority and a certificate for 127.0.0.1 and localhost, valid for one day. Uses `openssl`, since Node cannot issue certificates. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const path = (name: string): string => join(folder, name)
  writeFileSync(path('openssl.cnf'), CONFIG)
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-config', 'openssl.cnf']
  await openssl(folder, 'req', '-x509', ...curve, '-extensions', 'authority', '-days', '1', '-keyout', 'ca.key', '-out', 'ca.crt')
  await openssl(folder, 'req', ...curve, '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr')
  const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-set_serial', '2', '-days', '1', '-extfile', 'openssl.cnf', '-extensions', 'server']
  await openssl(folder, 'x509', '-req', '-in', 'server.csr', '-out', 'server.crt', ...signed)
  return { ca: readFileSync(path('ca.crt'), 'utf8'), caFile: path('ca.crt'), certFile: path('server.crt'), keyFile: path('server.key') }
}

function openssl(folder: string, ...args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(TOOL, args, { cwd: folder }, (error, _, stderr) => {
      if (error === null) resolve()
      else if ('code' in error && error.code === 'ENOENT')
        reject(new Error(`startRedis: tls needs ${TOOL} on PATH to create a certificate; install ${TOOL}`))
      else reject(new Error(`${TOOL} ${args[0]} failed:\n${stderr}`))
    })
  })
}
