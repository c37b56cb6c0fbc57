import { type Facts, factsOf, type PolicyView } from '@sluice/core/adapter-kit'
import type { Asked } from '../compile/asked.ts'
import { type Attributes, fieldOf, type RequestView } from '../request.ts'

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

/** What observers of a decision get of its request. */
export function factsOfAsked({ context: { view, context }, attributes }: Asked<Viewed>): Facts {
  return factsOf(view, context, tenantOf(attributes))
}

export function tenantOf(attributes: Attributes): unknown {
  return fieldOf(attributes, TENANT)
}

const TENANT = ['tenant']
