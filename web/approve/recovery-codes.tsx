import { useEffect, useRef, useState } from 'preact/hooks'
import type { NewRecoveryCodes, RecoveryCodesCard } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Copy } from '../ui/copy.tsx'
import { Failure } from '../ui/failure.tsx'
import { when } from '../ui/format.ts'
import { Loaded, useLoad } from '../ui/load.tsx'
import { usePasskeyFor } from '../ui/passkey.ts'
import { t } from '../ui/text.ts'

const PATH = '/v1/me/recovery-codes'

/** Codes for the day on which every passkey is lost. */
export function RecoveryCodes() {
  const known = useLoad<RecoveryCodesCard>(PATH)
  const [codes, setCodes] = useState<string[]>()
  const make = useAction(async () => {
    const { options } = await post<{ options: Record<string, unknown> }>(`${PATH}/confirm`)
    const made = await post<NewRecoveryCodes>(PATH, { credential: await usePasskeyFor(options) })
    setCodes(made.codes)
    await known.reload()
  })
  return (
    <section>
      <h2>{t('recovery.title')}</h2>
      <p>{t('recovery.lead')}</p>
      <Loaded from={known}>
        {({ left, made_at }) => (
          <>
            {left === 0 || made_at === null ? (
              <p>{t('recovery.none')}</p>
            ) : (
              <p>{t('recovery.left', { count: left, at: when(made_at) })}</p>
            )}
            {codes ? (
              <NewCodes codes={codes} onDone={() => setCodes(undefined)} />
            ) : (
              <>
                <Failure error={make.error} />
                <Button isBusy={make.isBusy} onClick={make.run}>
                  {left === 0 ? t('recovery.make') : t('recovery.renew')}
                </Button>
                {left > 0 && <p class="quiet">{t('recovery.renewHelp')}</p>}
              </>
            )}
          </>
        )}
      </Loaded>
    </section>
  )
}

/** This once. They leave the page only when their owner says so. */
function NewCodes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [codes])
  return (
    <div class="panel once">
      <h3 ref={heading} tabIndex={-1}>
        {t('recovery.once')}
      </h3>
      <p>{t('recovery.onceLead')}</p>
      <Copy label={t('recovery.title')} value={codes.join('\n')} />
      <Button onClick={onDone}>{t('recovery.kept')}</Button>
    </div>
  )
}
