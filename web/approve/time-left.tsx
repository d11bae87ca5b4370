import { span } from '../ui/format.ts'
import { t } from '../ui/text.ts'

/** How long there is to decide. Only the one warning is spoken; a ticking number would talk over everything else. */
export function TimeLeft({ ms }: { ms: number }) {
  const isLastMinute = ms <= 60_000
  return (
    <div class="time-left">
      <p>
        <span class="label">{t('request.timeLeft')}</span> {span(ms)}
      </p>
      <p role="status">{isLastMinute && t('request.lastMinute')}</p>
    </div>
  )
}
