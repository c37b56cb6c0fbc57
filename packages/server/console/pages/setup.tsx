import { useEffect } from 'preact/hooks'

const COMMAND = "npx sluice admin-token --name ada --scope 'read:*' --scope 'policies:shop'"

const CONFIG = `admin:
  tokens:
    - name: ada
      sha256: <what the command printed>
      scopes: ['read:*', 'policies:shop']`

/** What the console shows where the service has no token: nobody could sign in. */
export function SetupPage() {
  useEffect(() => {
    document.title = 'Set a token · Sluice'
  }, [])
  return (
    <main class="alone">
      <article class="card">
        <h1>Set a token to use the console</h1>
        <p>This service decides requests, but nobody may look inside: it has no admin token. It stores only hashes of tokens.</p>
        <ol>
          <li>
            <p>Make a token. The command prints it once, and its hash:</p>
            <pre tabIndex={0} aria-label="Command">
              <code>{COMMAND}</code>
            </pre>
          </li>
          <li>
            <p>Add the hash to the configuration of the service, with what the token may do:</p>
            <pre tabIndex={0} aria-label="Configuration">
              <code>{CONFIG}</code>
            </pre>
          </li>
          <li>
            <p>Start the service again, open this page, and sign in with the token.</p>
          </li>
        </ol>
        <p class="muted">
          On your own machine you need none of this: at a terminal, a service that listens only there makes a token for one run, and prints
          it.
        </p>
      </article>
    </main>
  )
}
