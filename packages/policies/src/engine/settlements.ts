import type { MaybePromise } from '@sluice/core'
import { type EndedResponse, isPromise, type Units } from '@sluice/core/adapter-kit'
import { unitsOf } from '../compile/costs.ts'
import type { Chosen } from '../compile/select.ts'
import type { LimitSpec, SettleSpec, StatusSpec } from '../document.ts'
import { type Attributes, fieldOf } from '../request.ts'
import type { Viewed } from './viewed.ts'

/** The fields of a limit that say how a response corrects it. */
export interface Correction {
  readonly refundOn?: readonly StatusSpec[] | undefined
  readonly settle?: SettleSpec | undefined
}

type Settle = (response: EndedResponse) => MaybePromise<Units>

/** Whether a response corrects what a request took from this limit. */
export function isCorrected(spec: LimitSpec): boolean {
  return 'refundOn' in spec || 'settle' in spec
}

/** Whether a limit counts what only the end of a request says. */
export function needsResponse(spec: LimitSpec): boolean {
  return spec.algorithm === 'concurrency' || isCorrected(spec)
}

/** How the document corrects the charges of a request after its response. */
export function settleOf(limits: readonly Chosen<Viewed>[], { view, context }: Viewed): Settle {
  const corrected = limits.filter(({ compiled: { spec } }) => isCorrected(spec))
  const needsAttributes = corrected.some(
    ({ compiled: { spec } }) => 'settle' in spec && spec.settle !== undefined && 'attribute' in spec.settle,
  )
  return (response) => {
    // Read again: the application may know only now what the request took.
    const attributes: MaybePromise<Attributes> = needsAttributes ? view.attributes(context) : {}
    return isPromise(attributes)
      ? attributes.then((late) => unitsAfter(corrected, response, late))
      : unitsAfter(corrected, response, attributes)
  }
}

function unitsAfter(limits: readonly Chosen<Viewed>[], response: EndedResponse, attributes: Attributes): Units {
  const units: Record<string, number> = {}
  for (const { compiled, limit } of limits) {
    if (compiled.spec.algorithm === 'concurrency') continue
    const taken = unitsOfResponse(compiled.spec, response, attributes)
    if (taken !== undefined) units[limit.name] = taken
  }
  return units
}

/** What a response says that one limit took; `undefined` leaves its charge as it is. */
export function unitsOfResponse({ refundOn, settle }: Correction, response: EndedResponse, attributes: Attributes): number | undefined {
  if (refundOn?.some((status) => isStatus(response.status, status)) === true) return 0
  return settle && settledUnits(settle, response, attributes)
}

/** `undefined` leaves the charge as it is. */
function settledUnits(settle: SettleSpec, response: EndedResponse, attributes: Attributes): number | undefined {
  const value =
    'attribute' in settle ? fieldOf(attributes, settle.attribute.split('.')) : response.header(settle.responseHeader.toLowerCase())
  return unitsOf(value, settle.max)
}

function isStatus(status: number | undefined, expected: StatusSpec): boolean {
  if (status === undefined) return false
  return typeof expected === 'number' ? status === expected : Math.floor(status / 100) === Number(expected[0])
}
