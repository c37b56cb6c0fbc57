import type { MaybePromise } from '@sluice/core'
import { isPromise } from '@sluice/core/adapter-kit'
import type { CostSpec } from '../document.ts'
import { fieldOf, type RequestView } from '../request.ts'
import type { Asked } from './asked.ts'

/** Reads the units of one limit. */
export type CostReader<C> = (asked: Asked<C>) => MaybePromise<number>

/** What is no whole number from 0 is the default, and a larger one than the maximum is the maximum: a client may have sent it. */
export function costReader<C>(spec: CostSpec | undefined, view: RequestView<C>): CostReader<C> {
  if (spec === undefined) return () => 1
  if (typeof spec === 'number') return () => spec
  const { default: standard, max } = spec
  const valid = (value: unknown): number => unitsOf(value, max) ?? standard
  if ('header' in spec) {
    const name = spec.header.toLowerCase()
    return ({ context }) => valid(view.header(context, name))
  }
  if ('attribute' in spec) {
    const path = spec.attribute.split('.')
    return ({ attributes }) => valid(fieldOf(attributes, path))
  }
  const path = spec.body.split('.')
  return ({ context }) => {
    const body = view.body?.(context)
    return isPromise(body) ? body.then((parsed) => valid(fieldOf(parsed, path))) : valid(fieldOf(body, path))
  }
}

/** A whole number from 0, at most `max`; `undefined` for anything else. A header has it as a text. */
export function unitsOf(value: unknown, max: number): number | undefined {
  const units = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
  return Number.isSafeInteger(units) && (units as number) >= 0 ? Math.min(units as number, max) : undefined
}
