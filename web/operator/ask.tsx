import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { t } from '../ui/text.ts'
import { useAct } from './act.ts'

interface Props {
  label: string
  /** Of what: for those who hear a list of buttons with the same label. */
  of?: string
  title: string
  /** What will happen. */
  text: string
  /** The words of the button that does it. */
  action: string
  kind?: 'plain' | 'primary' | 'danger'
  /** Label of a text that is asked for. */
  reason?: string
  onDone: (reason: string) => Promise<unknown>
}

/** A button that says what will happen, and does it when that is confirmed. */
export function Ask({ label, of, kind = 'plain', ...question }: Props) {
  const [isAsking, setAsking] = useState(false)
  return (
    <>
      <Button kind={kind} onClick={() => setAsking(true)}>
        {label}
        {of && <span class="unseen"> {of}</span>}
      </Button>
      {isAsking && <Question {...question} kind={kind} onClose={() => setAsking(false)} />}
    </>
  )
}

function Question(props: Omit<Props, 'label' | 'of'> & { onClose: () => void }): ComponentChildren {
  const { title, text, action, kind = 'plain', reason, onDone, onClose } = props
  const dialog = useRef<HTMLDialogElement>(null)
  const [said, setSaid] = useState('')
  const id = useId()
  const close = () => dialog.current?.close()
  const act = useAct(async () => {
    await onDone(said)
    close()
  })
  useEffect(() => dialog.current?.showModal(), [])

  return (
    <dialog ref={dialog} aria-labelledby={`${id}-title`} onClose={onClose}>
      <h2 id={`${id}-title`}>{title}</h2>
      <p>{text}</p>
      {reason && (
        <div class="field">
          <label for={id}>{reason}</label>
          <textarea
            id={id}
            rows={4}
            maxLength={500}
            value={said}
            onInput={(event) => setSaid(event.currentTarget.value)}
          />
        </div>
      )}
      <Failure error={act.error} />
      <div class="pair">
        <Button onClick={close}>{t('action.cancel')}</Button>
        <Button kind={kind} isBusy={act.isBusy} onClick={act.run}>
          {action}
        </Button>
      </div>
    </dialog>
  )
}
