import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import type { Problem } from '../lib/api.ts'
import { asProblem } from '../lib/use-load.ts'
import { Notice } from './states.tsx'
import { say } from './toasts.tsx'

/** A button that may be disabled, and then says why. It keeps the focus, so that the reason can be read. */
export function Button({
  children,
  onPress,
  disabledBecause,
  kind = '',
  type = 'button',
  isBusy = false,
}: {
  readonly children: ComponentChildren
  readonly onPress?: () => void
  readonly disabledBecause?: string | undefined
  readonly kind?: '' | 'primary' | 'danger' | 'quiet'
  readonly type?: 'button' | 'submit'
  readonly isBusy?: boolean
}) {
  const id = useId()
  const isDisabled = disabledBecause !== undefined
  return (
    <>
      <button
        type={type}
        class={`button ${kind}`}
        aria-disabled={isDisabled || isBusy}
        aria-describedby={isDisabled ? id : undefined}
        title={disabledBecause}
        onClick={(event) => {
          if (!isDisabled && !isBusy) return onPress?.()
          event.preventDefault()
        }}
      >
        {isBusy && <span class="spinner" aria-hidden="true" />}
        {children}
      </button>
      {isDisabled && (
        <span class="hidden" id={id}>
          {disabledBecause}
        </span>
      )}
    </>
  )
}

/** An action that asks the service: busy while it runs, its failure stays on the page, its success is said. */
export function useAction(): {
  readonly isBusy: boolean
  readonly problem: Problem | undefined
  run(action: () => Promise<string | undefined>): Promise<boolean>
  clear(): void
} {
  const [state, setState] = useState<{ readonly isBusy: boolean; readonly problem?: Problem }>({ isBusy: false })
  return {
    isBusy: state.isBusy,
    problem: state.problem,
    clear: () => setState({ isBusy: false }),
    async run(action) {
      setState({ isBusy: true })
      try {
        const message = await action()
        if (message !== undefined) say(message)
        setState({ isBusy: false })
        return true
      } catch (error) {
        setState({ isBusy: false, problem: asProblem(error) })
        return false
      }
    },
  }
}

/** A modal dialog with a form. Escape closes it; the browser keeps the focus inside and gives it back. */
export function Dialog({
  title,
  submit,
  isDangerous = false,
  onSubmit,
  onClose,
  disabledBecause,
  isBusy,
  problem,
  children,
}: {
  readonly title: string
  readonly submit: string
  readonly isDangerous?: boolean
  readonly onSubmit: () => void
  readonly onClose: () => void
  readonly disabledBecause?: string | undefined
  readonly isBusy: boolean
  readonly problem: Problem | undefined
  readonly children: ComponentChildren
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    dialog.current!.showModal()
  }, [])
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (disabledBecause === undefined && !isBusy) onSubmit()
        }}
      >
        <h2 id={id}>{title}</h2>
        <div class="dialog-body">{children}</div>
        {problem !== undefined && <ProblemNotice problem={problem} />}
        <footer class="actions">
          <Button onPress={() => dialog.current!.close()}>Cancel</Button>
          <Button type="submit" kind={isDangerous ? 'danger' : 'primary'} isBusy={isBusy} disabledBecause={disabledBecause}>
            {submit}
          </Button>
        </footer>
      </form>
    </dialog>
  )
}

/** What the service answered to an action that failed. */
export function ProblemNotice({ problem }: { readonly problem: Problem }) {
  return (
    <Notice tone="bad" title={problem.message} role="alert">
      {problem.problems.length > 0 && (
        <ul>
          {problem.problems.map(({ path, message, line }) => (
            <li key={`${path} ${message}`}>
              <span class="mono">{line ? `line ${line}` : path}</span> {message}
            </li>
          ))}
        </ul>
      )}
      {problem.code !== undefined && <span class="muted mono">{problem.code}</span>}
    </Notice>
  )
}
