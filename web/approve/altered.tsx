import { Heading } from '../ui/heading.tsx'
import { t } from '../ui/text.ts'

/** What would be signed is not what would be shown: there is nothing here to press. */
export function AlteredRequest() {
  return (
    <div class="warning">
      <Heading title={t('altered.title')} />
      <p class="lead">{t('altered.lead')}</p>
      <p>{t('altered.advice')}</p>
      <a class="button" href="/">
        {t('action.toInbox')}
      </a>
    </div>
  )
}
