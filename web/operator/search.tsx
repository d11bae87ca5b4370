import { useId, useState } from 'preact/hooks'
import { Button } from '../ui/button.tsx'
import { t } from '../ui/text.ts'

/** A field to search by. It looks when it is told to, not at each letter. */
export function Search({ label, onSearch }: { label: string; onSearch: (text: string) => void }) {
  const id = useId()
  const [text, setText] = useState('')
  const submit = (event: Event) => {
    event.preventDefault()
    onSearch(text.trim())
  }
  return (
    <search>
      <form class="search" onSubmit={submit}>
        <div class="field">
          <label for={id}>{label}</label>
          <input
            id={id}
            type="search"
            maxLength={100}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </div>
        <Button type="submit">{t('operator.search')}</Button>
      </form>
    </search>
  )
}
