import { Store, useStore } from '../lib/store.ts'
import { Icon } from './icon.tsx'

interface Toast {
  readonly id: number
  readonly text: string
}

const toasts = new Store<readonly Toast[]>([])
let last = 0
/** ms. Long enough to be read; a screen reader reads it at once. */
const SHOWN_MS = 6000

/** Says that something was done. */
export function say(text: string): void {
  last += 1
  const id = last
  toasts.set([...toasts.value, { id, text }])
  setTimeout(() => dismiss(id), SHOWN_MS)
}

function dismiss(id: number): void {
  toasts.set(toasts.value.filter((each) => each.id !== id))
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {useStore(toasts).map(({ id, text }) => (
        <div class="toast" key={id}>
          <Icon name="check" />
          <span>{text}</span>
          <button type="button" class="button quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  )
}
