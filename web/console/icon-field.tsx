import { useId, useRef } from 'preact/hooks'
import { useAction } from '../ui/action.ts'
import { put, remove } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { t } from '../ui/text.ts'
import type { PartProps } from './app-page.tsx'
import { AppIcon } from './icon.tsx'

/** The picture of an app: chosen, seen, and taken away. */
export function IconField({ app, path, reload }: Pick<PartProps, 'app' | 'path' | 'reload'>) {
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  const send = useAction(async () => {
    const file = input.current?.files?.[0]
    if (!file) return
    await put(`${path}/icon`, file)
    await reload()
  })
  const drop = useAction(async () => {
    await remove(`${path}/icon`)
    await reload()
  })
  return (
    <section>
      <h2>{t('icon.label')}</h2>
      <AppIcon app={app} />
      <div class="field">
        <label for={id}>{t('icon.choose')}</label>
        <p id={`${id}-help`} class="quiet">
          {t('icon.help')}
        </p>
        <input
          ref={input}
          id={id}
          type="file"
          accept="image/png,image/webp"
          aria-describedby={`${id}-help`}
          onChange={send.run}
        />
      </div>
      <Failure error={send.error ?? drop.error} />
      {app.icon && (
        <Button isBusy={drop.isBusy} onClick={drop.run}>
          {t('icon.remove')}
        </Button>
      )}
    </section>
  )
}
