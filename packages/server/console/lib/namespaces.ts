import { live } from './live.ts'
import { useStore } from './store.ts'

/** The namespaces that the service has, in order. */
export function useNamespaces(): readonly string[] {
  const { overview } = useStore(live)
  return (overview?.namespaces ?? []).map(({ namespace }) => namespace).toSorted()
}
