// Entry `@sluice/testing/etcd`: real servers of etcd, which end with the test process, even when it is killed.

export { etcdBinary } from './binary.ts'
export { type EtcdMember, type StartEtcd, startEtcd, startEtcdCluster } from './server.ts'
