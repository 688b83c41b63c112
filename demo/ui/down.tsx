/** The alert of a page whose server does not answer. */

import type { ReactElement } from 'react'

export function Down({ onRetry }: { onRetry: () => void }): ReactElement {
  return (
    <div className="down" role="alert">
      <p>
        <b>The demo’s server does not answer.</b> Without it there is nothing to cancel. Is it still running?
      </p>
      <button type="button" onClick={onRetry}>
        Retry
      </button>
    </div>
  )
}
