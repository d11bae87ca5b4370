import type { AppDay } from '../../src/api/contract.ts'
import { locale, t } from '../ui/text.ts'

const WIDTH = 600
const HEIGHT = 96
const GAP = 4

const columns = {
  asked: 'chart.asked',
  approved: 'chart.approved',
  rejected: 'chart.rejected',
  expired: 'chart.ended',
  delivered: 'chart.delivered',
  undeliverable: 'chart.undeliverable',
} as const
type Column = keyof typeof columns

/** What an app did, day by day: a picture, a sentence that says the same, and a table for who wants each number. */
export function Chart({ days }: { days: AppDay[] }) {
  const sum = (of: Column) => days.reduce((total, each) => total + each[of], 0)
  const count = sum('asked')
  const most = Math.max(1, ...days.map(({ asked }) => asked))
  const lively = days.filter((day) => Object.keys(columns).some((each) => day[each as Column] > 0))
  if (lively.length === 0) return <p class="lead">{t('chart.none')}</p>

  const step = WIDTH / days.length
  const tall = (value: number) => (Math.min(value, most) / most) * HEIGHT
  return (
    <>
      <p>{t('chart.sum', { count, approved: sum('approved'), delivered: sum('delivered') })}</p>
      <svg class="chart" viewBox={`0 0 ${WIDTH} ${HEIGHT + 1}`} preserveAspectRatio="none" aria-hidden="true">
        {days.map(({ day, asked, approved }, i) => (
          <g key={day}>
            <rect x={i * step} y={HEIGHT - tall(asked)} width={step - GAP} height={tall(asked)} />
            <rect
              class="part"
              x={i * step}
              y={HEIGHT - tall(approved)}
              width={step - GAP}
              height={tall(approved)}
            />
          </g>
        ))}
        <path d={`M0 ${HEIGHT + 0.5}H${WIDTH}`} />
      </svg>
      <p class="legend quiet" aria-hidden="true">
        <span class="key asked" /> {t('chart.asked')} <span class="key approved" /> {t('chart.approved')}
      </p>
      <details>
        <summary>{t('chart.table')}</summary>
        <p class="quiet">{t('chart.quiet')}</p>
        <table>
          <thead>
            <tr>
              <th scope="col">{t('chart.day')}</th>
              {Object.values(columns).map((name) => (
                <th key={name} scope="col">
                  {t(name)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {lively.toReversed().map((each) => (
              <tr key={each.day}>
                <td data-label={t('chart.day')}>{dayName(each.day)}</td>
                {Object.entries(columns).map(([column, name]) => (
                  <td key={column} data-label={t(name)}>
                    {each[column as Column]}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </>
  )
}

const dayName = (day: string) =>
  new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' }).format(Date.parse(day))
