import type { ComponentChildren } from 'preact'

interface Props {
  children: ComponentChildren
  kind?: 'plain' | 'primary' | 'danger'
  type?: 'button' | 'submit'
  onClick?: () => unknown
  isBusy?: boolean
  isDisabled?: boolean
}

/** `aria-disabled`, not `disabled`: the focus of a keyboard stays where it is while a button waits. */
export function Button({ children, kind = 'plain', type = 'button', onClick, isBusy, isDisabled }: Props) {
  const isOff = Boolean(isBusy || isDisabled)
  const press = (event: Event) => {
    if (isOff) event.preventDefault()
    else onClick?.()
  }
  return (
    <button
      type={type}
      class={`button ${kind}`}
      aria-disabled={isOff}
      aria-busy={Boolean(isBusy)}
      onClick={press}
    >
      {children}
    </button>
  )
}
