import type { AppCard } from '../../src/api/contract.ts'

/** The picture of an app, or the first letter of its name. The name stands beside it, so neither is read out. */
export function AppIcon({ app: { icon, name } }: { app: Pick<AppCard, 'icon' | 'name'> }) {
  return (
    <span class="app-icon" aria-hidden="true">
      {icon ? <img src={icon} alt="" width="48" height="48" /> : [...name][0]?.toUpperCase()}
    </span>
  )
}
