import { useEffect, useState } from 'preact/hooks'

/** A value that parts of the page read and are drawn anew for. */
export class Store<T> {
  value: T
  private readonly listeners = new Set<() => void>()

  constructor(value: T) {
    this.value = value
  }

  set(value: T): void {
    this.value = value
    for (const listener of this.listeners) listener()
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
}

export function useStore<T>(store: Store<T>): T {
  const [value, setValue] = useState(store.value)
  useEffect(() => {
    // It may have changed between the first drawing and this effect.
    setValue(() => store.value)
    return store.subscribe(() => setValue(() => store.value))
  }, [store])
  return value
}
