import { Store } from './store.ts'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'sluice.theme'
const THEMES: readonly Theme[] = ['system', 'light', 'dark']

export const theme: Store<Theme> = new Store<Theme>(stored())

/** Counts up when colours change: a canvas does not follow them by itself. */
export const themeTurn: Store<number> = new Store(0)

export function watchTheme(): void {
  apply()
  theme.subscribe(apply)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => themeTurn.set(themeTurn.value + 1))
}

export function nextTheme(): void {
  theme.set(THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!)
  localStorage.setItem(KEY, theme.value)
}

function apply(): void {
  document.documentElement.dataset['theme'] = theme.value
  themeTurn.set(themeTurn.value + 1)
}

function stored(): Theme {
  const kept = localStorage.getItem(KEY)
  return THEMES.find((each) => each === kept) ?? 'system'
}
