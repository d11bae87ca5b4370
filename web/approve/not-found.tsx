import { Heading } from '../ui/heading.tsx'
import { Porch } from '../ui/shell.tsx'
import { t } from '../ui/text.ts'

export function NotFoundPage() {
  return (
    <Porch>
      <Heading title={t('notFound.title')} />
      <p>{t('notFound.lead')}</p>
      <a class="button" href="/">
        {t('action.toInbox')}
      </a>
    </Porch>
  )
}
