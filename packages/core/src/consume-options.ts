import type { ConsumeOptions, FailMode } from './store.ts'

type How = Exclude<ConsumeOptions['how'], undefined>

/** The options for one way to ask a store: one object each, since every decision passes one. */
export function consumeOptions(failMode: FailMode | undefined, how: How): ConsumeOptions {
  return OPTIONS[failMode ?? 'none'][how]
}

const OPTIONS = { local: optionsOf('local'), open: optionsOf('open'), closed: optionsOf('closed'), none: optionsOf(undefined) }

function optionsOf(failMode: FailMode | undefined): Readonly<Record<How, ConsumeOptions>> {
  return { charge: { failMode }, peek: { how: 'peek', failMode }, force: { how: 'force', failMode }, credit: { how: 'credit', failMode } }
}
