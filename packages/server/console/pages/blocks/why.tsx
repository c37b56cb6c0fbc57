import { useState } from 'preact/hooks'
import { get } from '../../lib/api.ts'
import { whyInWords } from '../../lib/block-words.ts'
import type { BlockWhy } from '../../lib/types.ts'
import { Button, ProblemNotice, useAction } from '../../parts/actions.tsx'
import { TextField } from '../../parts/fields.tsx'
import { Panel } from '../../parts/page.tsx'
import { Notice } from '../../parts/states.tsx'

/** Says why something is blocked, or that it is not. */
export function WhyPanel() {
  const [target, setTarget] = useState('')
  const [answer, setAnswer] = useState<BlockWhy | undefined>(undefined)
  const action = useAction()
  const submit = () =>
    action.run(async () => {
      setAnswer(undefined)
      setAnswer(await get<BlockWhy>('blocks/why', { target }))
      return undefined
    })
  return (
    <Panel title="Why is it blocked?">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault()
          if (!action.isBusy) void submit()
        }}
      >
        <TextField label="Subject, address or network" value={target} onValue={setTarget} attributes={{ required: true }} />
        <Button type="submit" isBusy={action.isBusy}>
          Ask why
        </Button>
      </form>
      {action.problem !== undefined && <ProblemNotice problem={action.problem} />}
      {answer !== undefined && (
        <Notice
          tone={answer.blocked ? 'bad' : 'good'}
          title={answer.blocked ? `${answer.target.name} is blocked.` : `${answer.target.name} is not blocked.`}
          role="status"
        >
          <ul>
            {whyInWords(answer).map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        </Notice>
      )}
    </Panel>
  )
}
