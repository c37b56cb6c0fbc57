import type { PolicyChange } from '../../lib/types.ts'
import { Empty } from '../../parts/states.tsx'

const WORDS: Readonly<Record<PolicyChange['effect'], string>> = {
  tighter: 'tighter',
  looser: 'looser',
  anew: 'counts anew',
  neither: 'other',
}

/** What a document does to whom, compared with the one in force. */
export function Changes({ changes }: { readonly changes: readonly PolicyChange[] }) {
  if (changes.length === 0) return <Empty title="It decides as the document in force does." />
  return (
    <ul class="changes">
      {changes.map(({ effect, policy, path, who, message }, i) => (
        <li key={i}>
          <span class={`tag ${effect}`}>{WORDS[effect]}</span>
          <span>
            {(policy ?? path) && <span class="mono">{policy ?? path} </span>}
            {who && <span class="muted">{who}: </span>}
            {message}
          </span>
        </li>
      ))}
    </ul>
  )
}
