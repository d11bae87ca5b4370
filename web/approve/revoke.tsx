import { TakeAway } from '../ui/take-away.tsx'
import { t } from '../ui/text.ts'

interface Props {
  tokenId: string
  app: string
  isOneOfMany?: boolean
  onDone: () => Promise<unknown>
}

/** Takes back what was approved, at once. */
export function Revoke({ tokenId, app, isOneOfMany, onDone }: Props) {
  return (
    <TakeAway
      label={t('revoke.button')}
      {...(isOneOfMany && { of: app })}
      title={t('revoke.title')}
      text={t('revoke.text', { app })}
      action={t('revoke.action')}
      path={`/v1/me/tokens/${tokenId}`}
      onDone={onDone}
    />
  )
}
