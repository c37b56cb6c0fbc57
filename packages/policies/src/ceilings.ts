import type { FailMode } from '@sluice/core'

// The types of a document of ceilings, as `parseCeilings` returns it. What each field means: the schema, in ceilings-schema.ts.

/** The largest numbers and sizes that documents of policies may have, by namespace. */
export interface CeilingsDocument {
  readonly apiVersion: 'sluice/v1'
  readonly kind: 'ceilings'
  readonly revision: number
  readonly description?: string | undefined
  /** By the name of the namespace, or `*` for those that are not named. */
  readonly namespaces: Readonly<Record<string, CeilingSpec>>
}

/** The ceilings of one namespace. */
export interface CeilingSpec {
  readonly rates?: readonly RateSpec[] | undefined
  readonly concurrency?: number | undefined
  readonly failMode?: FailMode | undefined
  readonly unlimited?: boolean | undefined
  readonly policies?: number | undefined
  readonly rules?: number | undefined
  readonly overrides?: number | undefined
}

/** The most units in a window. */
export interface RateSpec {
  readonly limit: number
  readonly window: string
}

/** The ceilings of a namespace: its own, else those of `*`. */
export function ceilingOf({ namespaces }: CeilingsDocument, namespace: string): CeilingSpec | undefined {
  return Object.hasOwn(namespaces, namespace) ? namespaces[namespace] : namespaces['*']
}
