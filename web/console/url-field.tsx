import { useId, useRef, useState } from 'preact/hooks'
import type { UrlVerdict } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { t } from '../ui/text.ts'
import { Picture } from './picture.tsx'

export type UrlName = 'redirect_url' | 'postback_url' | 'notifier_url'

/** A field for an address: where it is used, in a line and a picture, and what is wrong with it, before it is saved. */
export function UrlField({ field, value }: { field: UrlName; value: string }) {
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  const [verdict, setVerdict] = useState<UrlVerdict>()
  const check = useAction(async () => {
    const url = input.current?.value.trim() ?? ''
    if (!url) return input.current?.focus()
    setVerdict(await post<UrlVerdict>('/v1/me/judge-url', { url, use: field.replace('_url', '') }))
  })
  return (
    <div class="field">
      <label for={id}>{t(`app.${field}`)}</label>
      <p id={`${id}-help`} class="quiet">
        {t(`app.${field}.help`)}
      </p>
      <Picture of={field} />
      <input
        ref={input}
        id={id}
        name={field}
        type="url"
        defaultValue={value}
        maxLength={2048}
        autocomplete="off"
        spellcheck={false}
        aria-describedby={`${id}-help ${id}-verdict`}
        onInput={() => setVerdict(undefined)}
      />
      <Button isBusy={check.isBusy} onClick={check.run}>
        {t('url.check')}
        <span class="unseen"> {t(`app.${field}`)}</span>
      </Button>
      <p id={`${id}-verdict`} role="status" class={verdict && !verdict.ok ? 'wrong' : 'quiet'}>
        {verdict && (verdict.detail ?? t('url.fine'))}
      </p>
      <Failure error={check.error} />
    </div>
  )
}
