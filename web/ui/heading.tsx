import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

let isFirst = true

/** The first line of a page: what this is. It takes the focus after a navigation, so it is read out. */
export function Heading({ title, children = title }: { title: string; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null)

  useEffect(() => {
    // A browser that has just opened the document starts at its top anyway.
    if (!isFirst) heading.current?.focus()
    isFirst = false
  }, [])
  useEffect(() => {
    document.title = `${title} · Countersign`
  }, [title])

  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  )
}

/** For when the button that had the focus goes away with what it did. */
export const focusHeading = () => document.querySelector('h1')?.focus()
