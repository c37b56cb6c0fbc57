/// <reference types="node" />
// Entry `@sluice/testing/certificates`: certificates for the tests of servers.

import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificates {
  /** The certificate of the authority, for a client's `ca` option. */
  readonly ca: string
  /** Paths. */
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
  /** Those of a client, by the same authority. */
  readonly clientCertFile: string
  readonly clientKeyFile: string
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
[client]
extendedKeyUsage = clientAuth
`

/**
 * Creates a certificate authority, a certificate for 127.0.0.1 and localhost, and one for a client, valid for one day. Uses `openssl`, since Node
 * cannot issue certificates.
 */
export async function makeCertificates(folder: string): Promise<Certificates> {
  mkdirSync(folder, { recursive: true })
  const path = (name: string): string => join(folder, name)
  writeFileSync(path('openssl.cnf'), CONFIG)
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-config', 'openssl.cnf']
  await openssl(folder, 'req', '-x509', ...curve, '-extensions', 'authority', '-days', '1', '-keyout', 'ca.key', '-out', 'ca.crt')
  for (const [serial, name] of [
    ['2', 'server'],
    ['3', 'client'],
  ] as const) {
    const subject = name === 'server' ? 'localhost' : name
    await openssl(folder, 'req', ...curve, '-subj', `/CN=${subject}`, '-keyout', `${name}.key`, '-out', `${name}.csr`)
    const signed = [
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-set_serial',
      serial,
      '-days',
      '1',
      '-extfile',
      'openssl.cnf',
      '-extensions',
      name,
    ]
    await openssl(folder, 'x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, ...signed)
  }
  return {
    ca: readFileSync(path('ca.crt'), 'utf8'),
    caFile: path('ca.crt'),
    certFile: path('server.crt'),
    keyFile: path('server.key'),
    clientCertFile: path('client.crt'),
    clientKeyFile: path('client.key'),
  }
}

function openssl(folder: string, ...args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(TOOL, args, { cwd: folder }, (error, _, stderr) => {
      if (error === null) resolve()
      else if ('code' in error && error.code === 'ENOENT')
        reject(new Error(`the tests need ${TOOL} on PATH to create a certificate; install ${TOOL}`))
      else reject(new Error(`${TOOL} ${args[0]} failed:\n${stderr}`))
    })
  })
}
