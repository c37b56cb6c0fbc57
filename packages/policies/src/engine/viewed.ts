import type { PolicyView } from '@sluice/core/adapter-kit'
import type { RequestView } from '../request.ts'

/** A request of any framework, with what reads it. So one compiled document serves all mounts. */
export interface Viewed {
  readonly view: PolicyView<any>
  readonly context: any
}

export const VIEWED: RequestView<Viewed> = {
  method: ({ view, context }) => view.method(context),
  target: ({ view, context }) => view.target(context),
  host: ({ view, context }) => view.host(context),
  address: ({ view, context }) => view.address(context),
  isForwarded: ({ view, context }) => view.isForwarded(context),
  header: ({ view, context }, name) => view.header(context, name),
  route: ({ view, context }) => view.route(context),
  body: ({ view, context }) => view.body?.(context),
}
