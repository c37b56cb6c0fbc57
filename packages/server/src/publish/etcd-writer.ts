import { type DocumentSet, storeWriter } from './store-writer.ts'
import type { PolicyWriter } from './writer.ts'

const DEFAULT_PREFIX = 'sluice/policies/'

/** The documents that `etcdSource` follows, at `etcd://user:password@host:2379,host:2379/prefix/`; `etcds://` over TLS. */
export async function etcdWriter(to: string): Promise<PolicyWriter | undefined> {
  const [, scheme, credentials, hosts, path = ''] = /^(etcds?):\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/.exec(to) ?? []
  if (hosts === undefined) return undefined
  // Loaded here, since most commands need no etcd.
  const { etcdSource, publishPolicy } = await import('@sluice/etcd')
  const endpoints = hosts.split(',').map((host) => `${scheme === 'etcds' ? 'https' : 'http'}://${host}`)
  const [user, password] = credentials?.split(':').map(decodeURIComponent) ?? []
  const options = { endpoints, user, password: user === undefined ? undefined : (password ?? '') }
  const prefix = path === '' ? DEFAULT_PREFIX : path.replace(/\/*$/, '/')
  const setOf = (own: string, prefixOf: (revision: number) => string): DocumentSet => ({
    async load() {
      const source = etcdSource({ ...options, prefix: own })
      return (await source.load(new AbortController().signal)).documents.map(({ text }) => text)
    },
    publish: ({ revision, text }, previous) => publishPolicy({ ...options, prefix: prefixOf(revision) }, { text, previous }),
  })
  const current = setOf(prefix, () => prefix)
  // Beside the prefix, not below it: what is below is followed.
  const history = `${prefix.slice(0, -1)}.history/`
  const kept = setOf(history, (revision) => `${history}${revision}/`)
  return storeWriter(`${scheme}://${hosts}/${prefix}`, current, kept, () => {})
}
