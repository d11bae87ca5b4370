import { useId, useState } from 'preact/hooks'
import type { UserCodeCard } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { post, put, remove } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { when } from '../ui/format.ts'
import { useLoad } from '../ui/load.tsx'
import { usePasskeyFor } from '../ui/passkey.ts'
import { t } from '../ui/text.ts'

const PATH = '/v1/me/user-code'
const FEWEST = 4

/** A code that some apps must be told before they may ask. Where the server knows none, there is nothing to set. */
export function UserCode() {
  const known = useLoad<UserCodeCard>(PATH)
  const id = useId()
  const [code, setCode] = useState('')
  const save = useAction(async () => {
    const { options } = await post<{ options: Record<string, unknown> }>(`${PATH}/confirm`)
    await put(PATH, { code, credential: await usePasskeyFor(options) })
    setCode('')
    await known.reload()
  })
  const takeAway = useAction(async () => {
    await remove(PATH)
    await known.reload()
  })
  if (!known.data?.in_use) return null
  const { set_at } = known.data
  return (
    <section class="user-code">
      <h2>{t('userCode.title')}</h2>
      <p>{t('userCode.lead')}</p>
      <p>{set_at === null ? t('userCode.none') : t('userCode.set', { at: when(set_at) })}</p>
      <div class="field">
        <label for={id}>{t('userCode.label')}</label>
        <input
          id={id}
          type="password"
          autocomplete="off"
          maxLength={64}
          value={code}
          aria-describedby={`${id}-help`}
          onInput={(event) => setCode(event.currentTarget.value)}
        />
        <p id={`${id}-help`} class="quiet">
          {t('userCode.help')}
        </p>
      </div>
      <Failure error={save.error ?? takeAway.error} />
      <Button isBusy={save.isBusy} isDisabled={code.length < FEWEST} onClick={save.run}>
        {t('userCode.save')}
      </Button>
      {set_at !== null && (
        <Button kind="danger" isBusy={takeAway.isBusy} onClick={takeAway.run}>
          {t('userCode.remove')}
        </Button>
      )}
    </section>
  )
}
