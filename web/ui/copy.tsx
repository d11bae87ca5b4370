import { useState } from 'preact/hooks'
import { useAction } from './action.ts'
import { Button } from './button.tsx'
import { t } from './text.ts'

/** A value to take along, with a button that copies it. */
export function Copy({ label, value }: { label: string; value: string }) {
  const [isCopied, setCopied] = useState(false)
  const copy = useAction(async () => {
    await navigator.clipboard.writeText(value)
    setCopied(true)
  })
  return (
    <div class="copy">
      <code>{value}</code>
      <Button onClick={copy.run}>
        {t('action.copy')}
        <span class="unseen"> {label}</span>
      </Button>
      <span role="status">{copy.error ? t('copy.failed') : isCopied && t('copy.done')}</span>
    </div>
  )
}
