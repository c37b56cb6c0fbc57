// For authors of sources with a transport, beside the contract in '@sluice/core/store-kit'.

// Requests by `fetch` that end in time, and the reading of their answers.
export { Deadline } from './sources/http/deadline.ts'
export { chunksOf, discard, reasonOf, textOf } from './sources/http/fetch.ts'
export type { BodyReader, Fetch, FetchedResponse, FetchInit } from './sources/http/fetch.ts'

// A wait that ends with the feed.
export { pause } from '@sluice/core/store-kit'
