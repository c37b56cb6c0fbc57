import { Store } from './store.ts'

/** The page that the address names: its segments, decoded. */
export interface Place {
  readonly segments: readonly string[]
}

export const place: Store<Place> = new Store<Place>(read())

export function watchAddress(): void {
  // The address has changed without an event, if it had a token.
  place.set(read())
  addEventListener('hashchange', () => place.set(read()))
}

/** The address of a page, for `href`. */
export function to(...segments: readonly string[]): string {
  return `#/${segments.map(encodeURIComponent).join('/')}`
}

export function go(...segments: readonly string[]): void {
  location.hash = to(...segments)
}

function read(): Place {
  const segments = location.hash.replace(/^#\/?/, '').split('/')
  return { segments: segments.filter((each) => each !== '').map(decoded) }
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
