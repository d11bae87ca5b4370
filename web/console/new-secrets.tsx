import { useEffect, useRef } from 'preact/hooks'
import type { NewAppSecrets } from '../../src/api/contract.ts'
import { Button } from '../ui/button.tsx'
import { Copy } from '../ui/copy.tsx'
import { t } from '../ui/text.ts'

export type ShownOnce = Pick<NewAppSecrets, 'client_id'> & Partial<NewAppSecrets>

/** Secrets, this once. They leave the page only when their owner says so. */
export function NewSecrets({ secrets, onDone }: { secrets: ShownOnce; onDone: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [secrets])

  const values = [
    [t('app.id'), secrets.client_id],
    [t('secrets.client'), secrets.client_secret],
    [t('secrets.signing'), secrets.signing_secret],
  ] as const
  return (
    <section class="panel once">
      <h2 ref={heading} tabIndex={-1}>
        {t('once.title')}
      </h2>
      <p>{t('once.lead')}</p>
      {values.map(
        ([label, value]) =>
          value && (
            <div key={label}>
              <h3>{label}</h3>
              <Copy label={label} value={value} />
            </div>
          ),
      )}
      <Button onClick={onDone}>{t('once.done')}</Button>
    </section>
  )
}
