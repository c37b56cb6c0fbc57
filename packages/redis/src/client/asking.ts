import type { Redis } from 'ioredis'
import { withoutAutoPipelining } from './without-auto-pipelining.ts'

type AskingNode = Pick<Redis, 'asking' | 'options'>

/** The part of a Cluster client that lists its nodes. A client that is recognised by its shape may lack it. */
interface ClusterNodes {
  nodes?(): readonly AskingNode[]
  on(event: '+node', listener: (node: AskingNode) => void): unknown
}

const handled = new WeakSet<object>()

/**
 * Handles the rejection of ASKING, which ioredis sends before a redirected command and does not handle. ioredis drops a new node without
 * slots at each refresh of the slots, together with a pending ASKING. The unhandled rejection would end the process. The redirected command
 * rejects too, so no failure is lost. An ASKING in an automatic pipeline would follow the command that it is for.
 */
export function handleAskingFailures(client: object): void {
  if (handled.has(client)) return
  handled.add(client)
  const cluster = client as ClusterNodes
  const handle = (node: AskingNode): void => {
    const asking = node.asking.bind(withoutAutoPipelining(node))
    node.asking = (...args) => {
      const reply = asking(...args)
      reply.catch(() => undefined)
      return reply
    }
  }
  for (const node of cluster.nodes?.() ?? []) handle(node)
  cluster.on('+node', handle)
}
