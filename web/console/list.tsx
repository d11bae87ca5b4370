import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { t } from '../ui/text.ts'
import type { usePages } from '../ui/use-pages.ts'

interface Props<T extends { id: string }> {
  from: ReturnType<typeof usePages<T>>
  /** What is said when there is nothing. */
  empty: ComponentChildren
  children: (item: T) => ComponentChildren
}

export function PagedList<T extends { id: string }>({ from, empty, children }: Props<T>) {
  const { items, error, reload, hasMore, more } = from
  return (
    <>
      <Failure error={error} retry={reload} />
      {items ? (
        items.length ? (
          <ul class="cards">
            {items.map((item) => (
              <li key={item.id} class="card">
                {children(item)}
              </li>
            ))}
          </ul>
        ) : (
          empty
        )
      ) : (
        error === undefined && <Skeleton />
      )}
      <Failure error={more.error} />
      {hasMore && (
        <Button isBusy={more.isBusy} onClick={more.run}>
          {t('history.older')}
        </Button>
      )}
    </>
  )
}

/** Which of a list are shown. */
export function Filter<V extends string>(props: {
  value: V | ''
  options: readonly (readonly [V, string])[]
  onChange: (value: V | '') => void
}) {
  const id = useId()
  return (
    <div class="field filter">
      <label for={id}>{t('filter.label')}</label>
      <select id={id} onChange={(event) => props.onChange(event.currentTarget.value as V | '')}>
        <option value="">{t('filter.all')}</option>
        {props.options.map(([value, name]) => (
          <option key={value} value={value} selected={props.value === value}>
            {name}
          </option>
        ))}
      </select>
    </div>
  )
}
