// Policy documents in etcd: a source for @sluice/policies, and its publisher.
export { etcdSource } from './etcd-source.ts'
export { publishPolicy } from './publish-policy.ts'
export type { EtcdPublication } from './publish-policy.ts'
export type { EtcdOptions, EtcdSourceOptions } from './options.ts'
