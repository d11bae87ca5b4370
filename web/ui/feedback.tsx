import { useState } from 'preact/hooks'
import { useAction } from './action.ts'
import { post } from './api.ts'
import { Button } from './button.tsx'
import { Failure } from './failure.tsx'
import { t } from './text.ts'

/** A line to the people who run the server. */
export function FeedbackForm() {
  const [text, setText] = useState('')
  const [isSent, setSent] = useState(false)
  const send = useAction(async () => {
    await post('/v1/feedback', { text, page: location.pathname })
    setText('')
    setSent(true)
  })
  return (
    <details class="panel">
      <summary>{t('feedback.title')}</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void send.run()
        }}
      >
        <p class="field">
          <label for="feedback-text">{t('feedback.text')}</label>
          <textarea
            id="feedback-text"
            required
            maxLength={4_000}
            rows={4}
            value={text}
            onInput={({ currentTarget }) => {
              setText(currentTarget.value)
              setSent(false)
            }}
          />
        </p>
        <p class="quiet">{t('feedback.note')}</p>
        <Button type="submit" isBusy={send.isBusy}>
          {t('feedback.send')}
        </Button>
        <p role="status">{isSent && t('feedback.sent')}</p>
        <Failure error={send.error} />
      </form>
    </details>
  )
}
