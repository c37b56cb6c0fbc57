import { useEffect, useState } from 'preact/hooks'
import { startSession } from '../lib/api.ts'
import { keepToken } from '../lib/session.ts'
import { TextField } from '../parts/fields.tsx'
import { Notice } from '../parts/states.tsx'

export function SignInPage({ message }: { readonly message: string | undefined }) {
  const [token, setToken] = useState('')
  useEffect(() => {
    document.title = 'Sign in · Sluice'
  }, [])
  return (
    <main class="alone">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault()
          if (token.trim() === '') return
          keepToken(token.trim())
          void startSession()
        }}
      >
        <h1>Sign in to Sluice</h1>
        {message !== undefined && (
          <Notice tone="warn" title={message} role="alert">
            Check it for a missing character, or ask for another one.
          </Notice>
        )}
        <TextField
          label="Token"
          value={token}
          onValue={setToken}
          hint={
            <>
              One of <code>admin.tokens</code> in the configuration of the service, or the one that <code>sluice serve</code> printed at its
              start. This tab keeps it until you close the tab.
            </>
          }
          attributes={{ type: 'password', required: true, autocomplete: 'current-password', autofocus: true, name: 'token' }}
        />
        <button type="submit" class="button primary">
          Sign in
        </button>
      </form>
    </main>
  )
}
