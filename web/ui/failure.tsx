import { Button } from './button.tsx'
import { t } from './text.ts'

/** What went wrong, said at once to everyone, and a way to try again if there is one. */
export function Failure({ error, retry }: { error: unknown; retry?: () => unknown }) {
  if (error === undefined) return null
  return (
    <div class="failure" role="alert">
      <p>{error instanceof Error ? error.message : t('error.server')}</p>
      {retry && <Button onClick={retry}>{t('action.retry')}</Button>}
    </div>
  )
}
