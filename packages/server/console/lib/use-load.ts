import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { Problem } from './api.ts'

/** What was loaded, and whether it is being loaded. The data of the last load stays while the next one runs. */
export interface Loaded<T> {
  readonly data: T | undefined
  readonly problem: Problem | undefined
  readonly isLoading: boolean
  readonly reload: () => void
}

/**
 * Loads when `key` changes, and by `reload()`. A load that is overtaken is dropped.
 * @param key what the load depends on; `undefined` loads nothing
 */
export function useLoad<T>(key: string | undefined, load: (signal: AbortSignal) => Promise<T>, everyMs?: number): Loaded<T> {
  const [state, setState] = useState<{ key: string | undefined; data?: T; problem?: Problem | undefined; isLoading: boolean }>({
    key,
    isLoading: key !== undefined,
  })
  const [turn, setTurn] = useState(0)
  const current = useRef(load)
  current.current = load
  useEffect(() => {
    if (key === undefined) return setState({ key, isLoading: false })
    const controller = new AbortController()
    setState((old) => (old.key === key ? { ...old, isLoading: true } : { key, isLoading: true }))
    current
      .current(controller.signal)
      .then((data) => setState({ key, data, isLoading: false }))
      .catch((error: unknown) => {
        if (controller.signal.aborted) return
        setState((old) => ({ ...old, key, problem: asProblem(error), isLoading: false }))
      })
    return () => controller.abort()
  }, [key, turn])
  const reload = useCallback(() => setTurn((old) => old + 1), [])
  useEffect(() => {
    if (everyMs === undefined || key === undefined) return undefined
    const timer = setInterval(() => document.visibilityState === 'visible' && reload(), everyMs)
    return () => clearInterval(timer)
  }, [everyMs, key, reload])
  const isCurrent = state.key === key
  return {
    data: isCurrent ? state.data : undefined,
    problem: isCurrent ? state.problem : undefined,
    isLoading: isCurrent ? state.isLoading : key !== undefined,
    reload,
  }
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  return new Problem(0, error instanceof Error ? error.message : String(error))
}
