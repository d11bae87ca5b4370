import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { useAction } from './action.ts'
import { remove } from './api.ts'
import { Button } from './button.tsx'
import { Failure } from './failure.tsx'
import { focusHeading } from './heading.tsx'
import { t } from './text.ts'

interface Props {
  label: string
  /** Of what: for those who hear a list of buttons with the same label. */
  of?: string
  title: string
  text: string
  /** The words of the button that does it. */
  action: string
  /** What is deleted; or else what is done. */
  path?: string
  work?: () => Promise<unknown>
  onDone: () => Promise<unknown>
}

/** A red button that takes something away, after asking once more. */
export function TakeAway({ label, of, ...question }: Props) {
  const [isAsking, setAsking] = useState(false)
  return (
    <>
      <Button kind="danger" onClick={() => setAsking(true)}>
        {label}
        {of && <span class="unseen"> {of}</span>}
      </Button>
      {isAsking && <Question {...question} onClose={() => setAsking(false)} />}
    </>
  )
}

function Question(props: Omit<Props, 'label' | 'of'> & { onClose: () => void }) {
  const { title, text, action, path, work, onDone, onClose } = props
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  const close = () => dialog.current?.close()
  const act = useAction(async () => {
    if (path) await remove(path)
    await work?.()
    close()
    // The button that opened this is about to go away with what it belonged to.
    focusHeading()
    await onDone()
  })
  useEffect(() => dialog.current?.showModal(), [])

  return (
    <dialog ref={dialog} aria-labelledby={titleId} onClose={onClose}>
      <h2 id={titleId}>{title}</h2>
      <p>{text}</p>
      <Failure error={act.error} />
      <div class="pair">
        <Button onClick={close}>{t('action.cancel')}</Button>
        <Button kind="danger" isBusy={act.isBusy} onClick={act.run}>
          {action}
        </Button>
      </div>
    </dialog>
  )
}
